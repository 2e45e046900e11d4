"""What must always hold is true of every store the service makes, and a planted violation of each is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from delivery.callbacks import messages
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.schema import attempt, event, iteration, outbox
from infra.store.schema import run as table
from infra.store.snapshot import facts
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import Finding
from jobs.invariants import GRACE_S, violations
from jobs.model import ItemKind, Source
from jobs.record import Facts, Launch
from jobs.rules import Rules
from tests.infra.store.asked import ANNA, LAUNCHED, RESULT, RULES, SNAPSHOT, VERIFIED, WHOLE, asked, start, walk

CALLED = Rules.model_validate({**RULES.model_dump(), "callbacks": [{"url": "https://example.org/hook", "events": ["run.succeeded"]}]})


@pytest.fixture
def lived(engine: sa.Engine) -> sa.Engine:
    """A store in which much has happened, most of it bad."""
    ledger, runs = SqlLedger(engine, messages=messages), SqlRuns(engine, messages=messages)
    runs.start(asked("whole", number=1), CALLED)
    whole = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    runs.retry(whole.id, whole.request.source, "again")
    runs.reject(asked("refused", number=2), RULES, e.RejectedAtStart(Reason("config_invalid", "line 3: unknown key")))
    ledger.release(walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.Built(RESULT)))
    lost = SqlLedger(engine, lease_s=-1).claim("agents", "gone")
    assert ledger.expire() == [lost.id]
    failing = ledger.claim("agents", "w")
    turn = (e.BuildFailed(RESULT, (Finding("agent_failed", "exit 1"),)), e.Retried(2))
    again = walk(
        ledger, failing, *LAUNCHED, *turn, LAUNCHED[0], e.Launched("code", 2, "scripted"), e.Built(RESULT), e.Snapshotted(SNAPSHOT)
    )
    parked = ledger.commit(again, e.Parked(Reason("github_unavailable", "GitHub is down."), 1.0))
    assert ledger.wake() == [parked.id]
    runs.say(parked.id, "anna", "hello", 5)
    runs.stop(parked.id, "anna", "Enough.")
    start(engine, "spawn", number=3)
    unstarted = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.SpawnFailed(Reason("sandbox_unavailable", "No namespaces."), 1.0))
    walk(ledger, unstarted, e.GaveUp(Reason("sandbox_unavailable", "No namespaces.")))
    start(engine, "held", number=4)
    walk(ledger, ledger.claim("agents", "w"), *VERIFIED)
    start(engine, "queued", number=5)
    return engine


def test_nothing_is_wrong_with_a_store_in_which_much_went_wrong(lived: sa.Engine) -> None:
    """Proves: I03, I05, I06, I07, I09, I10, I15, I17, I23."""
    found = facts(lived)
    assert violations(found) == []
    assert len(found.runs) == 6
    assert {turn.decision for turn in found.iterations} >= {"passed", "released", "build_failed"}


def test_the_launchers_ledger_agrees_with_the_iterations(lived: sa.Engine) -> None:
    """Proves: I06."""
    started = [Launch(turn.run_id, turn.attempt, turn.step, turn.n) for turn in facts(lived).iterations]
    assert violations(facts(lived, started)) == []
    for wrong in (started[1:], [*started, started[0]], [*started, replace(started[0], iteration=9)]):
        assert [found.invariant for found in violations(facts(lived, wrong))] == ["I06"]
    assert violations(facts(lived, [*started, replace(started[0], run_id="of another store")])) == []


def test_the_forges_numbers_have_sixty_four_bits(engine: sa.Engine) -> None:
    source = Source("label", delivery="d", item=ItemKind.ISSUE, number=7, actor=replace(ANNA, id=2**62))
    start(engine, "many people", source=source)
    assert [run.actor for run in facts(engine).runs] == [2**62]


def _run(**columns: object) -> Callable[[str], sa.Update]:
    return lambda run_id: sa.update(table).where(table.c.id == run_id).values(**columns)


def _last(**columns: object) -> Callable[[str], sa.Update]:
    newest = sa.select(sa.func.max(event.c.seq)).scalar_subquery()
    return lambda run_id: sa.update(event).where(event.c.run_id == run_id, event.c.seq == newest).values(**columns)


def _attempts(**columns: object) -> Callable[[str], sa.Update]:
    return lambda run_id: sa.update(attempt).where(attempt.c.run_id == run_id).values(**columns)


def _iterations(**columns: object) -> Callable[[str], sa.Update]:
    return lambda run_id: sa.update(iteration).where(iteration.c.run_id == run_id).values(**columns)


PLANTED: list[tuple[str, Callable[[str], sa.Update | sa.Delete]]] = [
    ("I05", _run(lease_owner="ghost")),
    ("I05", _attempts(ended_at=None)),
    ("I06", _attempts(launched_at=None)),
    ("I06", _iterations(n=51)),
    ("I07", _run(state="failed")),
    ("I07", _run(version=1)),
    ("I07", _run(lease_token=0)),
    ("I07", _last(type="Built")),
    ("I07", _last(type="Nonsense")),
    ("I07", _last(lease_token=-5, state="running")),
    ("I09", _run(reason_code="unknown")),
    ("I09", _iterations(decision=None)),
    ("I09", _iterations(result=None)),
    ("I09", _iterations(report=None)),
    ("I10", lambda run_id: sa.delete(outbox).where(outbox.c.run_id == run_id)),
    ("I10", lambda run_id: sa.update(outbox).where(outbox.c.run_id == run_id).values(state="lost")),
    ("I23", _last(delivery="another")),
]


@pytest.mark.parametrize(("invariant", "plant"), PLANTED)
def test_a_planted_violation_is_found(engine: sa.Engine, invariant: str, plant: Callable[[str], sa.Update | sa.Delete]) -> None:
    ledger = SqlLedger(engine, messages=messages)
    run = SqlRuns(engine, messages=messages).start(asked(), CALLED)[0]
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    assert violations(facts(engine)) == []
    with engine.begin() as connection:
        assert connection.execute(plant(run.id)).rowcount
    assert {found.invariant for found in violations(facts(engine))} >= {invariant}


def test_a_run_nobody_holds_is_an_orphan_after_its_grace(engine: sa.Engine) -> None:
    """Proves: I05, 001-01."""
    start(engine)
    run = SqlLedger(engine, lease_s=-GRACE_S - 1).claim("agents", "gone")
    [found] = violations(facts(engine))
    assert (found.invariant, found.subject) == ("I05", run.id)
    assert str(found).startswith(f"I05 {run.id}: it is running and its lease ended")
    SqlLedger(engine).expire()
    assert violations(facts(engine)) == []


def test_a_finished_iteration_that_is_launched_again_is_found(engine: sa.Engine) -> None:
    """Proves: I06."""
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *VERIFIED)
    with engine.begin() as connection:
        connection.execute(
            sa.update(event).where(event.c.run_id == run.id, event.c.type == "Passed").values(type="Launched", payload=_LAUNCH)
        )
    assert any("finished and launched again" in found.text for found in violations(facts(engine)))


_LAUNCH = {"step": "code", "iteration": 1, "agent": "scripted"}


def _twice(found: Facts) -> Facts:
    return replace(found, runs=[*found.runs, replace(found.runs[0], id="twin")], ticks=[("poll", 7), ("poll", 7)])


def _unpermitted(found: Facts) -> Facts:
    return replace(found, runs=[replace(found.runs[0], permission="none", delivered_sha="other", number=None)])


def _stray(found: Facts) -> Facts:
    return replace(found, runs=[], attempts=[], iterations=[])


@pytest.mark.parametrize(
    ("change", "invariants"),
    [(_twice, {"I03", "I15"}), (_unpermitted, {"I17", "I23"}), (_stray, {"I23"})],
    ids=["twice", "unpermitted", "stray"],
)
def test_what_the_database_would_refuse_is_checked_too(engine: sa.Engine, change: Callable[[Facts], Facts], invariants: set[str]) -> None:
    """Proves: I03, I15, I17, I23."""
    start(engine)
    SqlLedger(engine).claim("agents", "w")
    found = facts(engine)
    assert violations(found) == []
    assert {wrong.invariant for wrong in violations(change(found))} >= invariants
