"""What a run shows on its item: the least writes that make it so, whatever was lost, deleted or refused before."""

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app.relay import FIRST_S, Relay
from delivery.manager import Pull
from delivery.marks import marker
from infra.store.announcements import SqlAnnouncements
from infra.store.effects import SqlEffects
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from jobs import events as e
from jobs.errors import Fault, Reason, Refused
from jobs.evidence import AgentResult, Ended, GateReport, Turn
from jobs.model import Repository, Run, RunRequest, RunState, Source
from tests.delivery import runs
from tests.fakes.engine import FakeClock
from tests.fakes.forge import BOT, Breaks, Crash, FakeEffects, FakeForge


@dataclass
class FakeAnnouncements:
    """One run that has something to say while `said` is below its version."""

    run: Run
    said: int = 0
    delays: list[float] = field(default_factory=list)

    def claim(self, run_id: str) -> Run | None:
        return self.run if self.said < self.run.version else None

    def done(self, run: Run, version: int) -> None:
        self.said = version

    def later(self, run: Run, delay: float, *, most: float) -> int:
        self.delays.append(delay)
        return len(self.delays)

    def turns(self, run: Run) -> list[Turn]:
        return []


@dataclass
class FakeRuns:
    newest: Run | None = None

    def paused(self, scope: str) -> str | None:
        return None

    def position(self, run: Run) -> int:
        return 2

    def latest_on(self, repository_id: int, number: int) -> Run | None:
        return self.newest


@dataclass
class World:
    """A run, the forge it shows itself on, and the records between."""

    run: Run
    forge: FakeForge = field(default_factory=FakeForge)
    effects: FakeEffects = field(default_factory=FakeEffects)
    others: FakeRuns = field(default_factory=FakeRuns)

    def __post_init__(self) -> None:
        self.announcements = FakeAnnouncements(self.run)
        self.forge.labels |= {"slipway", "bug"}

    def announce(self, breaks: Breaks | None = None, **changes: Any) -> list[str]:
        """Move the run on, announce it, and say which writes that took."""
        self.announcements.run = replace(self.announcements.run, version=self.announcements.run.version + 1, **changes)
        before, broken = len(self.forge.writes), breaks or Breaks()
        board, effects = broken.door(self.forge), broken.door(self.effects)
        Relay(self.announcements, self.others, board, effects, runs.KEY, lambda _: None, FakeClock()).announce(self.run.id)
        return self.forge.writes[before:]

    @property
    def comment(self) -> str:
        [body] = self.forge.comments.values()
        return body


QUEUED = runs.run(state=RunState.QUEUED, attempt=0, verified=None, snapshot=None, receipt=None)
DONE: dict[str, Any] = {"state": RunState.SUCCEEDED, "receipt": runs.RECEIPT, "attempt": 1, "verified": runs.run().verified}
FAILED: dict[str, Any] = {"state": RunState.FAILED, "attempt": 1, "reason": Reason("stopped", "x")}


def test_a_run_s_whole_life_is_one_comment_and_its_labels() -> None:
    """Proves: I14."""
    world = World(QUEUED)
    assert world.announce() == ["comment", "set_labels"]
    assert "number 2 in line" in world.comment
    assert world.forge.labels == {"bug", "slipway:running"}
    assert world.announce(state=RunState.RUNNING, attempt=1) == ["edit_comment"]
    assert world.announce(state=RunState.SUCCEEDED, receipt=None) == ["edit_comment", "set_labels"]
    assert "Slipway is done" in world.comment
    assert world.forge.labels == {"bug", "slipway:done"}


class Deaf(FakeForge):
    """The answer to each first write of a kind is lost."""

    def comment(self, *args: Any) -> int:
        return self._lost(super().comment(*args), len(self.comments))

    def start_check(self, *args: Any) -> int:
        return self._lost(super().start_check(*args), len(self.checks))

    def _lost(self, made: int, many: int) -> int:
        if many == 1:
            raise Fault("github_unavailable", "The answer was lost.")
        return made


@pytest.mark.parametrize("of", [runs.request(), runs.on_pull()], ids=["issue", "pull"])
def test_what_was_perhaps_written_and_is_not_shown_yet_is_looked_for_again(of: RunRequest) -> None:
    """GitHub takes any number of comments and checks alike. Proves: F73, F76, I04."""
    world = World(runs.run(of=of, state=RunState.RUNNING, verified=None), Deaf())
    for _ in range(3):
        world.forge.blind = 3
        world.announce()
    assert len(world.forge.comments) == 1
    assert len(world.forge.checks) == (0 if of.head_sha is None else 1)


def test_what_is_shown_already_costs_no_call() -> None:
    """Proves: I14."""
    world = World(QUEUED)
    world.announce()
    breaks = Breaks()
    assert world.announce(breaks) == []
    assert breaks.calls == ["of"]
    assert world.announcements.said == world.announcements.run.version


def test_events_that_came_meanwhile_are_told_together() -> None:
    world = World(QUEUED)
    world.announce()
    world.announcements.run = replace(world.announcements.run, state=RunState.RUNNING, attempt=1, version=40)
    assert world.announce(**FAILED) == ["edit_comment", "set_labels"]


def test_the_comment_bears_our_mark() -> None:
    """Proves: T22."""
    world = World(QUEUED)
    world.announce()
    assert marker(QUEUED, runs.KEY) in world.comment


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [Crash, lambda: Fault("github_unavailable", "Lost.")])
def test_whatever_call_is_lost_there_is_one_comment_one_check_and_the_right_labels(when: str, error: Any) -> None:
    """Proves: F87, F86, I14."""
    whole = Breaks()
    World(QUEUED).announce(whole, **DONE)
    for at in range(len(whole.calls)):
        world = World(QUEUED)
        with contextlib.suppress(Crash):
            world.announce(Breaks(at, when, error), **DONE)
        world.announce()
        assert len(world.forge.comments) == 1, whole.calls[at]
        assert [check["conclusion"] for check in world.forge.checks.values()] == ["success"], whole.calls[at]
        assert world.forge.labels == {"bug", "slipway:done"}
        assert world.announcements.said == world.announcements.run.version


def test_a_deleted_comment_is_made_anew_once_and_then_let_be() -> None:
    """Proves: F87."""
    world = World(QUEUED)
    world.announce()
    world.forge.comments.clear()
    assert world.announce(state=RunState.RUNNING, attempt=1) == ["edit_comment", "comment"]
    world.forge.comments.clear()
    assert world.announce(state=RunState.AWAITING_CI) == ["edit_comment"]
    assert world.announce(**FAILED) == ["set_labels"]
    assert world.forge.comments == {}


def test_a_locked_issue_is_skipped_and_recorded_and_the_rest_is_shown() -> None:
    """Proves: F87, I09."""
    world = World(QUEUED, FakeForge(refuse={"comment": Refused("github_refused", "The issue is locked.")}))
    assert world.announce() == ["set_labels"]
    row = world.effects.rows[(QUEUED.id, "comment", "status")]
    assert row.external["skipped"] == "The issue is locked."
    assert world.announcements.said == world.announcements.run.version
    world.forge.refuse.clear()
    assert world.announce(state=RunState.RUNNING, attempt=1) == ["comment"]
    assert "skipped" not in world.effects.rows[(QUEUED.id, "comment", "status")].external


@pytest.mark.parametrize(("wait", "delay"), [(None, FIRST_S), (120.0, 120.0)])
def test_a_fault_puts_it_off_as_long_as_github_said(wait: float | None, delay: float) -> None:
    """Proves: F75, F76."""
    world = World(QUEUED, FakeForge(refuse={"comment": Fault("github_rate_limited", "Slow down.", retry_after=wait)}))
    world.announce()
    assert world.announcements.delays == [delay]
    assert world.announcements.said == 0


def test_a_local_run_has_nothing_to_show() -> None:
    local = replace(QUEUED, request=replace(QUEUED.request, repository=Repository(1, "here", installation=0)))
    world = World(local)
    breaks = Breaks()
    world.announce(breaks)
    assert breaks.calls == []
    assert world.announcements.said == world.announcements.run.version


def test_an_older_run_does_not_touch_the_labels_of_a_newer_one() -> None:
    """Proves: F07."""
    world = World(QUEUED, others=FakeRuns(replace(QUEUED, id="ef56" * 8)))
    assert world.announce(**FAILED) == ["comment"]


def test_a_run_without_an_item_only_concludes_its_check() -> None:
    api = replace(QUEUED, request=runs.request(source=Source("api")))
    world = World(api, FakeForge(checks={31: {"sha": runs.SHA, "external_id": api.id, "conclusion": None}}))
    assert world.announce(state=RunState.SUCCEEDED, attempt=1, receipt=runs.RECEIPT) == ["update_check"]


def test_the_check_a_delivery_began_is_the_one_that_is_concluded() -> None:
    """Proves: I08, F86."""
    world = World(QUEUED)
    number = world.forge.start_check(runs.REPOSITORY, runs.SHA, QUEUED.id, None, None)  # type: ignore[arg-type]  # no text is looked at
    effect = world.effects.intend(QUEUED, "check", runs.SHA)
    world.effects.done(QUEUED, effect, {"id": number})
    world.announce(**DONE)
    assert world.forge.checks[number]["conclusion"] == "success"
    assert len(world.forge.checks) == 1


def test_a_pull_request_run_shows_its_check_from_the_start_and_moves_it_with_the_head() -> None:
    """Proves: I08."""
    run = replace(QUEUED, request=runs.on_pull())
    world = World(run, FakeForge(pulls=[Pull(9, "u", runs.BASE, "topic", 42, BOT, True, False, False, "")]))
    assert "start_check" not in world.announce()
    assert world.announce(state=RunState.RUNNING, attempt=1)[0] == "start_check"
    receipt = replace(runs.RECEIPT, branch="topic", number=9)
    world.announce(state=RunState.SUCCEEDED, receipt=receipt, verified=runs.run().verified)
    shown = {check["sha"]: check["conclusion"] for check in world.forge.checks.values()}
    assert shown == {runs.BASE: "neutral", runs.SHA: "success"}


def test_in_the_real_store_a_fault_is_waited_out_longer_each_time_and_then_told(tmp_path: Path) -> None:
    """Proves: F76, I14."""
    clock = FakeClock()
    engine = open_store(tmp_path, clock=clock)
    announcements, asked = SqlAnnouncements(engine), SqlRuns(engine)
    run, _ = asked.start(runs.request(), runs.rules())
    forge = FakeForge(refuse={"comment": Fault("github_unavailable", "GitHub answered 502.")})
    relay = Relay(announcements, asked, forge, SqlEffects(engine), runs.KEY, lambda _: None, FakeClock())
    waits = []
    for _ in range(9):
        relay.announce(run.id)
        before = clock.at
        while not announcements.due():
            clock.at += 1
        waits.append(clock.at - before)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    forge.refuse.clear()
    relay.announce(run.id)
    assert "it is next" in forge.comments[501]
    assert announcements.due() == []
    engine.dispose()


def test_the_turns_of_the_loop_are_told_from_the_store(tmp_path: Path) -> None:
    """Proves: 001-28."""
    engine = open_store(tmp_path, clock=FakeClock())
    ledger, asked = SqlLedger(engine), SqlRuns(engine)
    asked.start(runs.request(), runs.rules())
    run = ledger.claim("agents", "w")
    assert run
    failed = GateReport(runs.TREE, (replace(runs.TESTS, passed=False),))
    for event in (
        e.Prepared(runs.BASE), e.Launched("code", 1, "scripted"), e.Built(AgentResult("scripted", Ended.EXIT, 0)),
        e.Snapshotted(runs.SNAPSHOT), e.Rejected(failed), e.Retried(2), e.Prepared(runs.BASE), e.Launched("code", 2, "scripted"),
    ):  # fmt: skip
        run = ledger.commit(run, event)
    forge = FakeForge()
    Relay(SqlAnnouncements(engine), asked, forge, SqlEffects(engine), runs.KEY, lambda _: None, FakeClock()).announce(run.id)
    assert "| `code` | 1 | `tests` did not pass |\n| `code` | 2 | at work |" in forge.comments[501]
    engine.dispose()
