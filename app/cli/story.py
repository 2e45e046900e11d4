"""What `slipway show` prints: a run from the reason it ended down to the last lines of every gate. Pure: a page in, lines out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from app import view, wording
from app.cli.screen import styled
from app.egress_record import Asked
from app.view import Finding, Gate, Turn

TAIL_LINES = 12
MOST_FINDINGS = 10
FINDING_LINES = 4
MOST_HOSTS = 30
MARKS = {"passed": "✓", "failed": "✗", "warn": "!", "running": "…"}
Page = Mapping[str, Any]


def story(page: Page, now: float, network: Sequence[Asked] = ()) -> Iterator[Text]:
    """Every line, in the order somebody who wonders what happened wants to know. `network` is what its sandboxes tried to reach."""
    yield from _head(page)
    yield from _facts(page, now)
    for step in page["steps"]:
        yield from _step(step, page)
    yield from _findings(page)
    yield from _network(network)
    yield from _delivery(page)
    yield from _callbacks(page)
    yield from _next(page)


def _head(page: Page) -> Iterator[Text]:
    yield Text.assemble(styled(f"● {wording.words(page['state'])}", page["state"]), "  ", styled(page["title"], "head"))
    if page["reason"]:
        yield Text.assemble(styled(f"  {page['reason']['code']}: ", page["state"]), styled(page["reason"]["text"]))
    if page["stop_requested"] and page["ended_at"] is None:
        yield styled(f"  A stop was asked for: {page['stop_requested']}", "warn")
    yield Text()


def _facts(page: Page, now: float) -> Iterator[Text]:
    source, cost = page["source"], page["cost"]
    asked = f"{view.origin(page)}{' by ' + source['actor'] if source['actor'] else ''}"
    rows = [
        ("run", page["id"]),
        ("repository", f"{page['repository']}  {asked}"),
        ("link", source["url"]),
        ("flow", f"{page['flow']}, in step {page['step']}" if page["ended_at"] is None else page["flow"]),
        ("asked", wording.ago(page["created_at"], now)),
        ("place", f"{page['position']} in the queue" if page["position"] else None),
        ("took", wording.duration(view.lasted(page, now)) if page["started_at"] else None),
        ("again", wording.ago(page["not_before"], now) if page["not_before"] and page["ended_at"] is None else None),
        ("cost", f"{wording.money(cost['usd'])}, {cost['tokens']:,} tokens" if cost["usd"] is not None or cost["tokens"] else None),
        ("base", page["base_sha"]),
        ("retry of", page["retry_of"]),
    ]
    for name, value in rows:
        if value:
            yield Text.assemble(styled(f"  {name:<11}", "dim"), styled(value))


def _step(step: Page, page: Page) -> Iterator[Text]:
    yield Text()
    yield Text.assemble(
        styled(f"{step['name']}", "head"),
        styled(f"  {step['role']}, {step['agent']}  ", "dim"),
        styled(wording.words(step["state"]), step["state"]),
    )
    for attempt in step["attempts"]:
        outcome = wording.words(attempt["outcome"] or "at work")
        yield styled(f"  attempt {attempt['n']} on {attempt['worker']}: {outcome}", "dim")
        for row in attempt["iterations"]:
            yield from _turn(view.turn(step, row))


def _turn(turn: Turn) -> Iterator[Text]:
    spent = f", {wording.money(turn.cost_usd)}" if turn.cost_usd is not None else ""
    mark = styled(MARKS[turn.state], turn.state)
    yield Text.assemble(
        "  ", mark, f" turn {turn.n}", styled(f"  {turn.agent} {turn.how}, {wording.duration(turn.duration_s)}{spent}", "dim")
    )
    if turn.failure:
        yield styled(f"      {turn.failure}", "bad")
        yield from _tail(turn.stderr or turn.stdout)
    if turn.verdict:
        yield styled(f"      {turn.verdict}")
    if turn.commit:
        yield styled(f"      commit {turn.commit[:12]}: {_files(turn)}", "dim")
    if turn.quiet_gates:
        yield Text.assemble(
            "      ", styled(MARKS["passed"], "passed"), styled(f" {wording.counted(len(turn.quiet_gates), 'built-in gate')}", "dim")
        )
    for gate in turn.loud_gates:
        yield from _gate(gate)
    for finding in turn.findings[:MOST_FINDINGS]:
        yield from _finding("      ", finding)


def _files(turn: Turn) -> str:
    paths = [path for _kind, path in turn.files]
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "") if paths else "no files"


def _gate(gate: Gate) -> Iterator[Text]:
    note = "" if gate.required else ", not required"
    how = styled(f"  {gate.how}{note}", "dim")
    yield Text.assemble("      ", styled(MARKS[gate.state], gate.state), f" {gate.name}", how)
    if not gate.passed:
        yield from _tail(gate.output)


def _tail(output: str) -> Iterator[Text]:
    lines = [line for line in output.splitlines() if line.strip()]
    for line in lines[-TAIL_LINES:]:
        yield Text.assemble(styled("        │ ", "dim"), styled(line))


def _findings(page: Page) -> Iterator[Text]:
    """Those that no turn shows: of the snapshot, of CI."""
    shown = {finding for turn in view.turns(page) for finding in turn.findings}
    left = [one for one in map(view.finding, page["findings"]) if one not in shown]
    if left:
        yield Text()
        yield styled("findings", "head")
    for finding in left[:MOST_FINDINGS]:
        yield from _finding(f"  {finding.gate}: ", finding)


def _finding(start: str, finding: Finding) -> Iterator[Text]:
    """Its place and first lines; the rest is in the brief and in the output."""
    lines = [line for line in finding.message.splitlines() if line.strip()] or [""]
    yield styled(f"{start}{finding.where + ': ' if finding.where else ''}{lines[0]}")
    for line in lines[1:FINDING_LINES]:
        yield styled(f"{' ' * len(start)}{line}", "dim")


def _network(network: Sequence[Asked]) -> Iterator[Text]:
    """What the proxy decided, once for each kind of decision."""
    if network:
        yield Text()
        yield styled("network", "head")
    for one in network[:MOST_HOSTS]:
        state = "passed" if one.verdict == "allowed" else "failed"
        bytes_ = f", {one.sent:,} bytes out and {one.received:,} in" if one.sent or one.received else ""
        yield Text.assemble(
            "  ", styled(MARKS[state], state), styled(f" {one.target}"), styled(f"  {one.verdict}, {_times(one)}{bytes_}", "dim")
        )
    if len(network) > MOST_HOSTS:
        yield styled(f"  and {len(network) - MOST_HOSTS} more: see `--json` or `--evidence`", "dim")


def _times(one: Asked) -> str:
    return "once" if one.times == 1 else f"{one.times} times"


def _delivery(page: Page) -> Iterator[Text]:
    delivery = page["delivery"]
    if not delivery:
        return
    yield Text()
    yield Text.assemble(styled("delivery", "head"), styled(f"  {delivery['kind']}", "dim"))
    yield styled(f"  branch {delivery['branch']} at {delivery['sha'][:12]}")
    if delivery["url"]:
        yield styled(f"  pull request #{delivery['number']}  {delivery['url']}")
    for warning in delivery["warnings"]:
        yield styled(f"  {warning}", "warn")


def _callbacks(page: Page) -> Iterator[Text]:
    if not page["callbacks"]:
        return
    yield Text()
    yield styled("callbacks", "head")
    for row in page["callbacks"]:
        status = f", last answer {row['last_status']}" if row["last_status"] else ""
        error = f": {row['last_error']}" if row["last_error"] else ""
        tries = "1 try" if row["tries"] == 1 else f"{row['tries']} tries"
        yield Text.assemble(
            "  ", styled(row["state"], row["state"]), styled(f"  {row['type']} → {row['url']} ({row['receiver']}), {tries}{status}{error}")
        )


def _next(page: Page) -> Iterator[Text]:
    told = {"approve": "let it go on", "retry": "try again", "say": "tell the agent something", "stop": "stop it"}
    yield Text()
    for name in view.actions(page):
        text = ' "…"' if name == "say" else ""
        yield styled(f"  slipway {name} {page['id']}{text}   {told[name]}", "dim")
