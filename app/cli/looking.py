"""The commands that look: runs, show, logs, events, stats. Quick ones: they read the store and start nothing."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from app import view, wording
from app.cli import bundle, figures, record
from app.cli.lines import activity_line, event_line, log_lines
from app.cli.opening import Opened, opened
from app.cli.options import json_option, run_argument
from app.cli.screen import as_json, console, say, styled, table
from app.cli.story import story
from app.egress_record import asked
from infra import records
from infra.clock import SystemClock
from infra.git import Git
from jobs.errors import UserError
from jobs.model import RunState
from jobs.units import seconds

POLL_S = 0.5
FIRST_LINES, MOST_LINES = 10, 500
follow_option = click.option("-f", "--follow", is_flag=True, help="Go on until the run is final.")
T = TypeVar("T")


@click.command()
@click.option("--state", type=click.Choice([state.value for state in RunState]), help="Only runs in this state.")
@click.option("--repo", metavar="OWNER/NAME", help="Only runs on this repository.")
@click.option("--scope", metavar="INSTALLATION:ID", help="Only runs of this scope.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="How many.")
@json_option
def runs(state: str | None, repo: str | None, scope: str | None, limit: int, json_: bool) -> None:
    """List runs, newest first."""
    with opened() as store:
        found, _more = store.reading.runs(state=state, repository=repo, scope=scope, limit=limit)
    if json_:
        as_json(found)
        return
    now = SystemClock().now()
    table(
        ("RUN", "STATE", "REPOSITORY", "ASKED ON", "FLOW", "AGE", "TITLE"),
        (_row(run, now) for run in found),
        empty="No runs yet.",
        brief=(0, 1, 6),
    )


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="WHAT")
@json_option
def find(what: tuple[str, ...], json_: bool) -> None:
    """Find the runs that WHAT belongs to: any id, address or text.

    WHAT may be an id of a webhook, commit, branch, comment, check, pull request or callback, its address on GitHub, or a whole log line.
    """
    with opened() as store:
        found = store.reading.find(" ".join(what))
    if json_:
        as_json(found)
        return
    if not found:
        raise UserError("no run has to do with that: give an id of a run, webhook, commit, comment, check, pull request or callback")
    now = SystemClock().now()
    cells = ((*_row(run, now)[:4], run["found_by"], run["title"]) for run in found)
    table(("RUN", "STATE", "REPOSITORY", "ASKED ON", "FOUND BY", "TITLE"), cells, empty="", brief=(0, 1, 4))


def _row(run: Mapping[str, Any], now: float) -> tuple[Any, ...]:
    state = styled(wording.words(run["state"]), run["state"])
    return (run["id"], state, run["repository"], view.origin(run), run["flow"], wording.ago(run["created_at"], now), run["title"])


@click.command()
@run_argument
@click.option(
    "--evidence", type=click.Path(path_type=Path), metavar="DIR", help="Write everything that is kept of the run into a new folder."
)
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="PATH",
    help="Read the record that the run left in this repository, and nothing else: no service, no store.",
)
@json_option
def show(run_id: str, evidence: Path | None, repo: Path | None, json_: bool) -> None:
    """Everything about a run, and why it ended as it did."""
    if repo:
        _record(run_id, repo, json_)
        return
    with opened() as store:
        page = known(store, run_id, lambda: store.reading.run(run_id))
        if evidence:
            written = bundle.write(evidence, page, _events(store, run_id, follow=False), store.artifacts, SystemClock().now())
            say(f"{written} files in {evidence}; begin with story.txt.")
            return
        network = asked(page, store.artifacts)
    if json_:
        as_json({**page, "network": [asdict(one) for one in network]})
        return
    screen = console()
    for line in story(page, SystemClock().now(), network):
        screen.print(line)


def _record(run_id: str, repository: Path, json_: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-git-") as home:
        found = records.read(Git(Path(home)), repository, run_id)
    if json_:
        as_json(found)
        return
    screen = console()
    for line in record.lines(found):
        screen.print(line)


@click.command()
@run_argument
@follow_option
@json_option
def events(run_id: str, follow: bool, json_: bool) -> None:
    """What happened to a run, one line each."""
    with opened() as store:
        found = _events(store, run_id, follow)
        if json_ and not follow:
            as_json(list(found))
            return
        for event in found:
            if json_:
                as_json(event)
            else:
                say(*event_line(event))


@click.command()
@run_argument
@follow_option
@json_option
def logs(run_id: str, follow: bool, json_: bool) -> None:
    """What the agent and the gates printed, turn by turn; with -f also what the agent does while it works."""
    with opened() as store:
        told = seen = 0
        for _ in _moments(store, run_id, follow):
            if follow:
                seen = _doing(store, run_id, seen, json_)
            turns = [turn for turn in view.turns(store.reading.run(run_id)) if turn.ended_at is not None]
            for turn in turns[told:]:
                _log(turn, json_)
            told = len(turns)


def _doing(store: Opened, run_id: str, after: int, json_: bool) -> int:
    """The newest lines of what is being done, the first time only a few; up to which was told."""
    lines = store.reading.activity(run_id, after=after, limit=MOST_LINES if after else FIRST_LINES)
    for line in lines:
        if json_:
            as_json(line)
        else:
            say(*activity_line(line))
    return int(lines[-1]["seq"]) if lines else after


def _log(turn: view.Turn, json_: bool) -> None:
    if json_:
        as_json({"step": turn.step, "attempt": turn.attempt, "turn": turn.n, "stdout": turn.stdout, "stderr": turn.stderr,
                 "gates": [{"name": gate.name, "passed": gate.passed, "output": gate.output} for gate in turn.gates]})  # fmt: skip
        return
    screen = console()
    for line in log_lines(turn):
        screen.print(line)


@click.command()
@click.option("--window", default="1h", show_default=True, help="How far back: 90s, 15m, 2h, 7d.")
@json_option
def stats(window: str, json_: bool) -> None:
    """Counts and durations over a window of time."""
    try:
        span = float(str(seconds(window)))
    except ValueError as error:
        raise click.UsageError(f"--window: {error}.") from error
    if span <= 0:
        raise click.UsageError("--window: nothing happens in no time; write something like 15m, 2h, 7d.")
    with opened() as store:
        pack = store.reading.stats(span)
    if json_:
        as_json(pack)
        return
    table(("WHAT", "FIGURE"), figures.lines(pack), empty="")


def known(store: Opened, run_id: str, look: Callable[[], T]) -> T:
    """What `look` finds. Raises UserError for an unknown id, with what may have been meant."""
    try:
        return look()
    except KeyError as error:
        meant = [run["id"] for run in store.reading.runs(limit=500)[0] if run_id and run["id"].startswith(run_id)]
        hint = f"; did you mean {meant[0]}?" if len(meant) == 1 else "; 'slipway runs' lists them"
        raise UserError(f"there is no run {run_id!r}{hint}") from error


def _events(store: Opened, run_id: str, follow: bool) -> Iterator[Mapping[str, Any]]:
    after = 0
    for _ in _moments(store, run_id, follow):
        while batch := store.reading.events(run_id, after=after):
            yield from batch
            after = batch[-1]["seq"]


def _moments(store: Opened, run_id: str, follow: bool) -> Iterator[None]:
    """When to look: once; or, following, again and again, the last time after the run is seen to be final."""
    clock = SystemClock()
    run = known(store, run_id, lambda: store.runs.get(run_id))
    while follow and not run.is_final:
        yield
        clock.sleep(POLL_S)
        run = store.runs.get(run_id)
    yield
