"""What people and handlers may do to a run: once per intent, and only what its state allows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store.announcements import SqlAnnouncements
from infra.store.effects import SqlEffects
from infra.store.engine import open_store
from infra.store.finding import SqlFinding
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.schema import run as table
from jobs import events as e
from jobs.errors import Reason, UserError
from jobs.evidence import Finding
from jobs.model import ItemKind, Phase, Run, RunState, Source
from tests.infra.store.asked import LAUNCHED, RECEIPT, RULES, VERIFIED, WHOLE, asked, start, walk
from tests.infra.store.conftest import Place

NO = Reason("config_invalid", "line 3: gates: unknown key")


def _start(data: Path, url: str | None) -> tuple[str, bool]:
    engine = open_store(data, url)
    run, new = SqlRuns(engine).start(asked(), RULES)
    engine.dispose()
    return run.id, new


def test_the_same_intent_in_many_processes_is_one_run(place: Place, engine: sa.Engine) -> None:
    """Proves: F05, F47, I03, 001-03."""
    with get_context("spawn").Pool(4) as pool:
        found = pool.starmap(_start, [(place.data, place.url)] * 16)
    _one_run(engine, found)


def test_the_same_intent_in_many_threads_is_one_run(engine: sa.Engine) -> None:
    """Proves: F05, I03."""
    runs = SqlRuns(engine)
    with ThreadPoolExecutor(32) as pool:
        found = [(run.id, new) for run, new in pool.map(lambda _: runs.start(asked(), RULES), range(32))]
    _one_run(engine, found)


def _one_run(engine: sa.Engine, found: list[tuple[str, bool]]) -> None:
    assert len({run_id for run_id, _ in found}) == 1
    assert sum(new for _, new in found) == 1
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 1


def test_what_was_asked_comes_back_as_it_was_asked(engine: sa.Engine) -> None:
    """Proves: I23."""
    odd = asked(title="\0 \U0001f600 é \u202e", body="a\r\nb" * 1000, callback_url="https://example.org/?a=1", cost_usd=0.1, iterations=3)
    run, new = SqlRuns(engine).start(odd, RULES)
    assert new
    found = SqlRuns(engine).get(run.id)
    assert (found, found.request, found.rules) == (run, odd, RULES)
    with pytest.raises(KeyError):
        SqlRuns(engine).get(run.id[:8])


def test_a_request_that_may_not_start_is_kept_with_its_reason(engine: sa.Engine) -> None:
    """Proves: I09."""
    runs = SqlRuns(engine)
    why = e.RejectedAtStart(NO, ("line 3",), (Finding("configuration", "unknown key", ".github/slipway.yml", 3),), "5" * 40)
    run, new = runs.reject(asked(), RULES, why)
    assert (run.state, run.reason, new) == (RunState.REJECTED, NO, True)
    assert (run.findings, run.base_sha) == (why.findings, why.commit)
    assert runs.get(run.id) == run
    assert runs.reject(asked(), RULES, e.RejectedAtStart(NO)) == (run, False)
    assert runs.start(asked(), RULES) == (run, False)
    assert SqlLedger(engine).claim("agents", "w") is None


def test_what_was_turned_away_is_found_by_its_id_its_commit_and_its_item_and_is_not_simply_tried_again(engine: sa.Engine) -> None:
    """Of several on one item only the newest: what was asked for since has its own answer. Proves: F86, I09."""
    runs, finding, sha = SqlRuns(engine), SqlFinding(engine), "5" * 40

    def away(intent: str, number: int, **more: object) -> Run:
        source = Source("label", item=ItemKind.ISSUE, number=number)
        return runs.reject(asked(intent, source=source, **more), RULES, e.RejectedAtStart(NO, commit=None if more else sha))[0]

    first, other, on_head = away("1", 7), away("2", 8), away("3", 9, head_sha=sha)
    again = away("4", 7)
    at = first.repository.id
    assert finding.turned_away(at, run_id=first.id) == [first]
    assert {run.id for run in finding.turned_away(at, sha=sha)} == {other.id, on_head.id, again.id}
    assert [run.id for run in finding.turned_away(at, number=7)] == [again.id]
    assert finding.turned_away(at + 1, sha=sha) == finding.turned_away(at, sha="6" * 40) == []
    runs.start(asked("5", source=Source("label", item=ItemKind.ISSUE, number=7)), RULES)
    assert finding.turned_away(at, number=7) == []
    with pytest.raises(UserError, match="was turned away before it began"):
        runs.retry(first.id, first.request.source, "6")


def test_what_a_check_shows_is_forgotten_so_that_it_is_written_once_more(engine: sa.Engine) -> None:
    """Proves: F86."""
    runs, effects = SqlRuns(engine), SqlEffects(engine)
    run, _ = runs.reject(asked(), RULES, e.RejectedAtStart(NO, commit="5" * 40))
    for kind in ("check", "comment"):
        effects.done(run, effects.intend(run, kind, "k"), {"id": 4, "shown": "digest"})
    SqlAnnouncements(engine).done(run, run.version)
    assert SqlAnnouncements(engine).claim(run.id) is None
    runs.show_again(run.id)
    assert {effect.kind: dict(effect.external) for effect in effects.of(run.id)} == {
        "check": {"id": 4},
        "comment": {"id": 4, "shown": "digest"},
    }
    assert SqlAnnouncements(engine).claim(run.id) == run


def _queued(engine: sa.Engine) -> Run:
    return start(engine)


def _running(engine: sa.Engine) -> Run:
    start(engine)
    return walk(SqlLedger(engine), SqlLedger(engine).claim("agents", "w"), *LAUNCHED)


def _awaiting_approval(engine: sa.Engine) -> Run:
    start(engine, flow="plan")
    run = SqlLedger(engine).claim("agents", "w")
    launched = (e.Prepared("b" * 40), e.Launched("plan", 1, "scripted"), e.Planned(VERIFIED[2].result, "Do it."))
    return walk(SqlLedger(engine), run, *launched, e.ApprovalAsked(9e9))


def _awaiting_ci(engine: sa.Engine) -> Run:
    start(engine)
    return walk(SqlLedger(engine), SqlLedger(engine).claim("agents", "w"), *VERIFIED, e.FlowFinished(), e.ChecksAwaited(RECEIPT))


def _parked(engine: sa.Engine) -> Run:
    start(engine)
    return walk(SqlLedger(engine), SqlLedger(engine).claim("agents", "w"), e.Parked(Reason("github_unavailable", "GitHub is down."), 0.0))


def _succeeded(engine: sa.Engine) -> Run:
    start(engine)
    return walk(SqlLedger(engine), SqlLedger(engine).claim("agents", "w"), *WHOLE)


Make = Callable[[sa.Engine], Run]
Do = Callable[[SqlRuns, Run], object]


def _stop(runs: SqlRuns, run: Run) -> Run:
    return runs.stop(run.id, "anna", "Enough.")


def _retry(runs: SqlRuns, run: Run) -> Run:
    return runs.retry(run.id, Source("command"), "command:42:1")[0]


def _approve(runs: SqlRuns, run: Run) -> Run:
    return runs.approve(run.id, "anna", "and test it")


def _say(runs: SqlRuns, run: Run) -> Run:
    return runs.say(run.id, "anna", "hello")


def _green(runs: SqlRuns, run: Run) -> Run:
    return runs.happened(run.id, e.ChecksPassed())


TABLE: list[tuple[Make, Do, RunState | str]] = [
    (_queued, _stop, RunState.CANCELLED),
    (_running, _stop, RunState.RUNNING),
    (_awaiting_approval, _stop, RunState.CANCELLED),
    (_awaiting_ci, _stop, RunState.CANCELLED),
    (_parked, _stop, RunState.CANCELLED),
    (_succeeded, _stop, "is succeeded: there is nothing to stop"),
    (_queued, _retry, "is queued: there is nothing to retry"),
    (_running, _retry, "is running: there is nothing to retry"),
    (_awaiting_approval, _retry, "is awaiting approval"),
    (_parked, _retry, RunState.QUEUED),
    (_succeeded, _retry, RunState.QUEUED),
    (_queued, _approve, "nothing waits for approval"),
    (_awaiting_approval, _approve, RunState.QUEUED),
    (_succeeded, _approve, "nothing waits for approval"),
    (_queued, _say, RunState.QUEUED),
    (_running, _say, RunState.RUNNING),
    (_parked, _say, RunState.PARKED),
    (_succeeded, _say, "takes no more messages"),
    (_awaiting_ci, _green, RunState.SUCCEEDED),
    (_running, _green, "a worker holds it"),
    (_parked, _green, "this cannot happen to it"),
]


@pytest.mark.parametrize(("make", "do", "outcome"), TABLE, ids=[f"{make.__name__}{do.__name__}" for make, do, _ in TABLE])
def test_each_act_does_what_the_state_allows_or_says_why_not(engine: sa.Engine, make: Make, do: Do, outcome: RunState | str) -> None:
    """Proves: 001-55, I07."""
    run, runs = make(engine), SqlRuns(engine)
    if isinstance(outcome, RunState):
        assert do(runs, run).state is outcome
        return
    with pytest.raises(UserError, match=outcome):
        do(runs, run)
    assert runs.get(run.id) == run


def test_retrying_a_final_run_is_a_new_run_that_names_it_once(engine: sa.Engine) -> None:
    run, runs = _succeeded(engine), SqlRuns(engine)
    again, new = runs.retry(run.id, Source("command"), "command:42:9")
    assert new
    assert (again.id != run.id, again.request.retry_of, again.request.title) == (True, run.id, run.request.title)
    assert runs.retry(run.id, Source("command"), "command:42:9") == (again, False)
    assert runs.get(run.id) == run


def test_a_stop_reason_and_a_plans_amendment_are_kept(engine: sa.Engine) -> None:
    runs, run = SqlRuns(engine), _awaiting_approval(engine)
    approved = _approve(runs, run)
    assert "and test it" in approved.plan
    assert _stop(runs, approved).reason == Reason("stopped", "Enough.")


def test_the_active_run_of_an_item_is_the_one_at_work(engine: sa.Engine) -> None:
    runs = SqlRuns(engine)
    assert (runs.active_on(42, 7), runs.latest_on(42, 7)) == (None, None)
    first, second = start(engine, "k1"), start(engine, "k2")
    SqlLedger(engine).claim("agents", "w")
    assert (runs.active_on(42, 7).id, runs.latest_on(42, 7).id, runs.active_on(42, 70)) == (first.id, second.id, None)


def test_checks_find_the_run_that_waits_for_their_commit(engine: sa.Engine) -> None:
    """Proves: I21."""
    run, runs = _awaiting_ci(engine), SqlRuns(engine)
    assert [found.id for found in runs.waiting_for(42, RECEIPT.sha)] == [run.id]
    assert runs.waiting_for(42, "e" * 40) == runs.waiting_for(4, RECEIPT.sha) == []


def test_failing_checks_come_back_as_findings_for_the_next_turn(engine: sa.Engine) -> None:
    """Proves: 004-45."""
    run, runs = _awaiting_ci(engine), SqlRuns(engine)
    red = Finding("ci", "build: 1 test fails")
    assert runs.happened(run.id, e.ChecksFailed((red,))).state is RunState.QUEUED
    again = SqlLedger(engine).claim("agents", "w")
    assert (again.id, again.phase, again.findings, again.ci_rounds) == (run.id, Phase.FEEDBACK, (red,), 1)


def test_an_approval_that_does_not_come_ends_the_run(engine: sa.Engine) -> None:
    start(engine, flow="plan")
    ledger = SqlLedger(engine)
    launched = (e.Prepared("b" * 40), e.Launched("plan", 1, "scripted"), e.Planned(VERIFIED[2].result, "Do it."))
    run = walk(ledger, ledger.claim("agents", "w"), *launched, e.ApprovalAsked(1.0))
    assert ledger.wake() == []
    assert ledger.load(run.id).reason.code == "approval_expired"
