"""Every word a person reads about a run. Pure: a run in, Markdown out; whatever others wrote is made harmless on the way.

No line of it begins with a command, so that our own text can never be taken for one.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from jobs.budget import cap
from jobs.errors import Class, Reason
from jobs.evidence import Finding, GateReport, GateResult, Turn
from jobs.markdown import code, duration, line, moment, money, paragraphs, quote, sentence, table
from jobs.model import ItemKind, Run, RunState
from jobs.rules import StepRule
from jobs.text import cut, for_markdown

LABELS: Mapping[str, str] = {"running": "slipway:running", "done": "slipway:done", "failed": "slipway:failed"}
MOST_PAGE = 60_000
"""Bytes of a comment or description; GitHub takes 65,536 characters."""
MOST_FINDINGS = 20

NO_GATES = "This repository has no gates of its own: only the built-in checks ran. Name some under `gates:` in `.github/slipway.yml`."
ADVICE: Mapping[Class, str] = {
    Class.AGENT: "Say more in the task or name another agent, then comment `/slipway retry`.",
    Class.GATE: "Read the findings, say more in the task or correct the gate, then comment `/slipway retry`.",
    Class.SNAPSHOT: "Ask for a change without this, or allow it in `.github/slipway.yml`, then comment `/slipway retry`.",
    Class.DELIVERY: "Look at the branch and its rules, then comment `/slipway retry`.",
    Class.GITHUB: "Look at the App's installation and its permissions, then comment `/slipway retry`.",
    Class.PROVIDER: "The operator of this server has to look at the model account; then comment `/slipway retry`.",
    Class.INFRASTRUCTURE: "The operator of this server has to look at it (`slipway doctor`); then comment `/slipway retry`.",
    Class.USER: "Correct what is named here, then ask again.",
}
ADVICE_BY_CODE: Mapping[str, str] = {
    "succeeded": "",
    "stopped": "Comment `/slipway retry` to begin again.",
    "replaced": "The newer request goes on in its own run.",
    "head_moved": "Somebody pushed in the meantime and that work was left alone. Comment `/slipway retry` to work on the new head.",
    "pull_closed": "Open the pull request again, or ask on the issue, to have the work done anew.",
    "approval_expired": "Comment `/slipway retry` to have a plan made again.",
    "config_invalid": "After that, ask again, or press Re-run on the check.",
    "budget_exhausted": "Raise the budget or wait for its next period, then comment `/slipway retry`.",
    "paused": "Comment `/slipway resume` to let it go on.",
    "github_rate_limited": "Nothing has to be done.",
    "github_unavailable": "Comment `/slipway retry` to try again at once.",
}
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+@-]{0,79}")
"""What a trailer takes over as it is. Versions and models are an agent's own words."""
MOST_TURNS = 20
CAME_TO: Mapping[str, str] = {
    "planned": "a plan",
    "failed": "the agent did not finish",
    "approved": "the reviewer approved",
    "rejected": "the reviewer asked for changes",
    "no_change": "nothing was changed",
    "refused": "the change could not be taken",
    "passed": "every required gate passed",
}
GONE_ON: Mapping[RunState, str] = {
    RunState.RUNNING: "Slipway is working on this.",
    RunState.AWAITING_APPROVAL: "Slipway has a plan and waits for a yes.",
    RunState.AWAITING_CI: "Slipway has delivered its change and waits for the repository's CI.",
    RunState.DELIVERING: "The change passed its gates; Slipway is delivering it.",
    RunState.PARKED: "Slipway has put this aside for now.",
    RunState.FAILED: "Slipway could not finish this.",
    RunState.CANCELLED: "Slipway has stopped working on this.",
    RunState.REJECTED: "Slipway did not start on this.",
}


TOO_LATE = "That came too late: the change was out by then. Close or remove it if you do not want it."
STANDS: Mapping[RunState, str] = {
    RunState.QUEUED: "waits for a worker",
    RunState.AWAITING_APPROVAL: "waits for a yes",
    RunState.PARKED: "put aside",
}
"""How the present step stands while nobody works on it."""
PAUSED = "**Slipway has queued this and begins nothing here for now.**"


def advice(reason: Reason) -> str:
    """What a person can do about a reason."""
    return ADVICE_BY_CODE.get(reason.code, ADVICE[reason.kind])


# the pull request


def title(run: Run) -> str:
    """The title of the pull request and the first line of the commit message."""
    return " ".join(for_markdown(" ".join((run.title or run.request.title).split()), 200).split()) or f"Change by Slipway ({run.short})"


def pull_body(run: Run, *, page: str | None, marker: str, aside: str = "") -> str:
    """The description of the pull request: summary, gates, where it comes from, and our hidden marker; `aside` as in `delivery.plan`."""
    summary = f"What the agent says about it:\n\n{quote(run.summary)}" if run.summary.strip() else ""
    body = paragraphs(summary, gates(run), origin(run), beside(run), aside, footer(run, page), closing(run))
    return paragraphs(cut(body, MOST_PAGE), marker)


def later_run(run: Run, page: str | None) -> str:
    """What is added to the description of a pull request of ours that another run of ours pushed to."""
    who = f" for {code(run.request.source.actor.login)}" if run.request.source.actor else ""
    head = f"**A later run changed this{who}**, on top of `{(run.base_sha or '')[:12]}`."
    said = quote(run.summary) if run.summary.strip() else ""
    return paragraphs(head, said, gates(run), footer(run, page))


def commit_message(run: Run) -> str:
    """The message of the commit made from the agent's files; who asked is named as co-author."""
    about = for_markdown(run.summary.strip(), 2_000)
    return paragraphs(title(run), about, "\n".join(trailers(run))) + "\n"


def trailers(run: Run) -> list[str]:
    """What ties a commit to its run, in git's own form: `git log --format='%(trailers:key=Slipway-Run,valueonly)'`."""
    source, result = run.request.source, run.last_result
    agent = " ".join(filter(PLAIN.fullmatch, [result.agent, result.version or "", result.model or ""])) if result else ""
    told = {
        "Slipway-Run": run.id,
        "Slipway-Attempt": str(run.attempt),
        "Slipway-Agent": agent,
        "Slipway-Delivery": source.delivery if source.delivery and PLAIN.fullmatch(source.delivery) else "",
    }
    return [*(f"{name}: {value}" for name, value in told.items() if value), *filter(None, [co_author(run)])]


def co_author(run: Run) -> str:
    """The trailer naming the requester, by the address GitHub keeps for everyone; empty when nobody in particular asked."""
    actor = run.request.source.actor
    if actor is None or not actor.id:
        return ""
    plain = str.maketrans("", "", "<>\r\n\0")
    name, login = (actor.name or actor.login).translate(plain).strip(), actor.login.translate(plain)
    return f"Co-authored-by: {for_markdown(name, 100)} <{actor.id}+{login}@users.noreply.github.com>"


def origin(run: Run) -> str:
    """Who asked for the change where, and what it stands on."""
    source = run.request.source
    where = f" in #{source.number}" if source.number else ""
    who = f" by {code(source.actor.login)}" if source.actor else ""
    base = f" on {code(run.request.base or run.repository.default_branch)} at `{run.base_sha[:12]}`" if run.base_sha else ""
    return f"Asked for{who}{where}, made{base}."


def beside(run: Run) -> str:
    """How a pull request of ours stands to the one it was asked for on; empty where there is none."""
    source = run.request.source
    if source.item is not ItemKind.PULL or not source.number:
        return ""
    if not run.request.head_sha:
        return f"Follows #{source.number}, which is merged."
    if run.rules.delivery.pulls == "stack":
        return f"Stacked on #{source.number}: it asks to be merged into that one's branch."
    return f"Goes on from #{source.number} and has its commits; #{source.number} itself is left as it is."


def put_aside(reason: Reason) -> str:
    """Why a commit that was made for a pull request of somebody's leaves as one of ours."""
    return f"The change could not be pushed to that branch, so it is in a pull request of its own. {sentence(reason.text)}"


def aside_possible(reason: Reason) -> Reason:
    """A push that was refused, and how the change could leave all the same."""
    way = "With `delivery.pulls: push_or_follow_up` it leaves as a pull request of its own where a branch takes no push."
    return Reason(reason.code, f"{reason.text} {way}")


def closing(run: Run) -> str:
    """The words that close the issue when the pull request is merged, where the repository wants that."""
    source = run.request.source
    wanted = run.rules.delivery.close_issue and source.item is ItemKind.ISSUE and source.number
    return f"Closes #{source.number}" if wanted else ""


# gates


def gates(run: Run) -> str:
    """The gates of the last verified snapshot as a table, and a plain word where a repository has none."""
    shown = gate_table(run.verified) if run.verified else ""
    return paragraphs(shown, "" if run.rules.gates else NO_GATES)


def gate_table(report: GateReport) -> str:
    """One row for each gate of the repository's own and each that failed; the built-in checks that passed are one row together."""
    quiet = [result for result in report.results if result.passed and not result.command]
    told = [result for result in report.results if result not in quiet]
    rows = [(code(result.name), verdict(result), duration(result.duration_s)) for result in told]
    if quiet:
        rows.append(("built-in checks", f"{len(quiet)} passed", duration(sum(result.duration_s for result in quiet))))
    return table(("Gate", "Result", "Time"), rows) if rows else ""


def verdict(result: GateResult) -> str:
    """What came of one gate, in a word or two."""
    if result.passed:
        return "passed"
    how = "failed" if result.ended.value == "exit" else f"failed ({result.ended.value})"
    return how if result.required else f"{how}, not required"


def findings(found: Sequence[Finding]) -> str:
    """The first findings as a list."""
    items = [f"- {code(one.gate)}{_place(one)}: {line(one.message, 500)}" for one in found[:MOST_FINDINGS]]
    more = len(found) - len(items)
    return "\n".join([*items, f"- and {more} more"] if more > 0 else items)


def _place(finding: Finding) -> str:
    if not finding.path:
        return ""
    return f" {code(finding.path + (f':{finding.line}' if finding.line else ''))}"


# the status comment


def status(run: Run, *, position: int | None, page: str | None, marker: str, turns: Sequence[Turn] = (), paused: str | None = None) -> str:
    """The one comment about a run, as it stands after its `turns` of the loop; `paused` is why nothing begins there, if it is so."""
    waits = run.state is RunState.QUEUED and paused
    told = (PAUSED, f"{sentence(paused)} {ADVICE_BY_CODE['paused']}") if waits and paused else (headline(run, position), detail(run))
    body = paragraphs(*told, steps(run), history(turns), _last_gates(run), footer(run, page))
    return paragraphs(cut(body, MOST_PAGE), marker)


def headline(run: Run, position: int | None) -> str:
    """Where the run stands, in a sentence."""
    match run.state:
        case RunState.QUEUED:
            return _queued(run, position)
        case RunState.SUCCEEDED:
            return _succeeded(run)
        case state:
            return f"**{GONE_ON[state]}**"


def _queued(run: Run, position: int | None) -> str:
    if run.attempt:
        return "**Slipway will go on with this as soon as a worker is free.**"
    if position is None:
        return "**Slipway has queued this.**"
    return f"**Slipway has queued this: it is {'next' if position == 1 else f'number {position} in line'}.**"


def _succeeded(run: Run) -> str:
    receipt = run.receipt
    if receipt is None:
        return "**Slipway is done; there was nothing to deliver.**"
    if receipt.number:
        return f"**Slipway is done: the change is in #{receipt.number}.**"
    if receipt.kind == "none":
        return "**Slipway is done; the change was not delivered.**"
    return f"**Slipway is done: the change is on the branch {code(receipt.branch)}.**"


def detail(run: Run) -> str:
    """What belongs to this state: the reason and what to do, the plan, the verdict, warnings."""
    match run.state:
        case RunState.AWAITING_APPROVAL:
            return _asked(run)
        case RunState.PARKED:
            return paragraphs(why(run), _until(run))
        case RunState.REJECTED:
            return why(run)
        case RunState.FAILED | RunState.CANCELLED:
            return paragraphs(why(run), _left_open(run), findings(run.findings))
        case RunState.SUCCEEDED:
            return _said(run)
        case _:
            return ""


def _asked(run: Run) -> str:
    until = f" Without an answer the run ends at {moment(run.not_before)}." if run.not_before else ""
    ask = f"Comment `/slipway approve` to go on, with changes after the word if you want any, or `/slipway stop`.{until}"
    return paragraphs(quote(run.plan), estimate(run), ask)


def estimate(run: Run) -> str:
    """What carrying a plan out may cost: what planning did, for each step to come, and never more than its bound."""
    order = run.rules.flow(run.request.flow).order
    to_come = len(order) - 1 - [step.name for step in order].index(run.current.name)
    most = cap(run).usd
    bound = f"at most {money(most)} in all, by its budget" if most is not None else "no budget bounds it (`limits.cost_usd`)"
    if run.cost_usd is None or not to_come:
        return f"What planning cost is not known; {bound}."
    guess = f"the {to_come} steps to come are estimated" if to_come > 1 else "the step to come is estimated"
    return f"Planning cost {money(run.cost_usd)}; {guess} at {money(run.cost_usd * to_come)}, by what planning cost; {bound}."


def why(run: Run) -> str:
    """The reason a run stands where it stands, and what to do about it."""
    if run.reason is None:
        return ""
    return " ".join(filter(None, [sentence(run.reason.text), advice(run.reason)]))


def _left_open(run: Run) -> str:
    """What a stopped run had delivered before is not taken back: somebody may build on it by now."""
    stays = run.state is RunState.CANCELLED and run.receipt and run.receipt.number
    return f"#{stays} was delivered before and is left as it is." if stays else ""


def _until(run: Run) -> str:
    return f"It goes on by itself at {moment(run.not_before)}." if run.not_before else "Comment `/slipway retry` to let it go on."


def _said(run: Run) -> str:
    if run.receipt:
        late = [f"{sentence(run.stop_requested)} {TOO_LATE}"] if run.stop_requested and run.receipt.kind != "none" else []
        return "\n".join(f"- {line(warning, 500)}" for warning in (*late, *run.receipt.warnings))
    result = run.last_result
    return quote(result.body or result.summary) if result and (result.body or result.summary) else ""


def steps(run: Run) -> str:
    """The steps of the flow and how far each is; nothing for a run that never began (its flow may not even exist)."""
    if not run.attempt or run.state is RunState.REJECTED:
        return ""
    order = run.rules.flow(run.request.flow).order
    at = [step.name for step in order].index(run.current.name)
    rows = [
        (code(step.name), code(run.rules.agent_of(step, run.request.agent).name), _progress(run, step, n - at))
        for n, step in enumerate(order)
    ]
    return table(("Step", "Agent", "State"), rows)


def _progress(run: Run, step: StepRule, distance: int) -> str:
    if distance < 0 or run.state in (RunState.SUCCEEDED, RunState.DELIVERING, RunState.AWAITING_CI):
        return "done"
    if distance > 0:
        return "not begun" if run.is_final else "to come"
    tries = f", iteration {run.iteration}" if run.iteration > 1 else ""
    return f"{'ended' if run.is_final else STANDS.get(run.state, 'at work')}{tries}"


def history(turns: Sequence[Turn]) -> str:
    """What came of each turn, once there is more than one; turns one after the other that came to the same are one row."""
    told = groupby(turns[-MOST_TURNS:], lambda turn: (turn.step, _came_to(turn)))
    rows = [(code(step), _numbers([turn.iteration for turn in alike]), came) for (step, came), alike in told]
    return table(("Step", "Iteration", "What came of it"), rows) if len(turns) > 1 else ""


def _numbers(iterations: Sequence[int]) -> str:
    first, last = iterations[0], iterations[-1]
    return str(first) if first == last else f"{first}\u2013{last}"


def _came_to(turn: Turn) -> str:
    if turn.failed:
        return f"{', '.join(map(code, turn.failed))} did not pass"
    return CAME_TO.get(turn.decision, "at work")


def _last_gates(run: Run) -> str:
    return gates(run) if run.verified else ""


def footer(run: Run, page: str | None) -> str:
    """What ties a text to its run: id, attempt, delivery; and what the run has cost."""
    link = f"[`{run.short}`]({page})" if page else f"`{run.id}`"
    delivery = run.request.source.delivery
    parts = [f"Run {link}", f"attempt {run.attempt}" if run.attempt else "", f"cost {money(run.cost_usd)}"]
    tokens = f"{run.tokens:,} tokens" if run.tokens else ""
    return " · ".join(filter(None, [*parts, tokens, f"delivery {code(delivery)}" if delivery else ""]))
