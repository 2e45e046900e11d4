"""What a worker may rely on: one holder, fenced writes, final states that never change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import CacheStats

from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.schema import event, metadata, outbox
from infra.store.schema import run as run_table
from jobs import events as e
from jobs.errors import LeaseLost, Reason
from jobs.machine import IllegalTransition
from jobs.model import Lease, Phase, Run, RunState
from tests.infra.store.asked import LAUNCHED, RECEIPT, RESULT, VERIFIED, WHOLE, start, walk

OVER = -1.0
"""A lease length that is over at once."""


def test_a_claim_gives_a_lease_and_a_committed_walk_ends_the_run(engine: sa.Engine) -> None:
    """Proves: 000-13, 001-01."""
    ledger = SqlLedger(engine)
    queued = start(engine)
    run = ledger.claim("agents", "worker-1")
    assert run is not None
    assert (run.id, run.state, run.attempt, run.lease) == (queued.id, RunState.RUNNING, 1, Lease(1, "worker-1"))
    done = walk(ledger, run, *WHOLE)
    assert (done.state, done.receipt, done.lease) == (RunState.SUCCEEDED, RECEIPT, None)
    assert ledger.load(run.id) == done
    assert ledger.claim("agents", "worker-1") is None


def test_of_a_rehearsal_nothing_is_kept_but_compiled_statements(engine: sa.Engine) -> None:
    ledger, waiting = SqlLedger(engine), start(engine)
    before = _everything(engine)
    ledger.rehearse()
    assert _everything(engine) == before
    compiled: list[str] = []

    def told(connection: object, cursor: object, statement: str, parameters: object, context: Any, many: object) -> None:
        if context.compiled and context.cache_hit is not CacheStats.CACHE_HIT:
            compiled.append(statement)

    sa.event.listen(engine, "after_cursor_execute", told)
    run = ledger.claim("agents", "worker-1")
    assert run is not None
    assert walk(ledger, run, *LAUNCHED, e.Built(RESULT)).id == waiting.id
    assert compiled == []


def test_a_commit_sees_what_others_stored_meanwhile(engine: sa.Engine) -> None:
    """Proves: 000-21."""
    ledger, runs = SqlLedger(engine), SqlRuns(engine)
    start(engine)
    run = ledger.claim("agents", "w")
    runs.say(run.id, "anna", "In Breton, please.", comment=3)
    runs.say(run.id, "anna", "In Breton, please.", comment=3)
    assert runs.stop(run.id, "anna", "Enough.").state is RunState.RUNNING
    after = ledger.commit(run, e.Prepared("b" * 40))
    assert (after.stop_requested, after.phase, ledger.messages(after)) == ("Enough.", Phase.BUILD, ["In Breton, please."])


def test_a_writer_that_lost_its_lease_changes_nothing(engine: sa.Engine) -> None:
    """Proves: F28, I07, 001-13."""
    start(engine)
    zombie = SqlLedger(engine, lease_s=OVER).claim("agents", "first")
    ledger = SqlLedger(engine)
    with pytest.raises(LeaseLost):
        ledger.commit(zombie, e.Prepared("a" * 40))
    assert ledger.expire() == [zombie.id]
    second = ledger.claim("agents", "second")
    assert second.lease.token > zombie.lease.token
    before = _events(engine, zombie.id)
    for event_ in (e.Prepared("a" * 40), e.Released(), e.GaveUp(Reason("internal_error", "It broke."))):
        with pytest.raises(LeaseLost):
            ledger.commit(zombie, event_)
    assert not ledger.renew(zombie)
    assert _events(engine, zombie.id) == before
    assert ledger.load(zombie.id) == second


def test_a_final_run_never_changes(engine: sa.Engine) -> None:
    """Proves: I07."""
    ledger = SqlLedger(engine)
    start(engine)
    held = ledger.claim("agents", "w")
    done = walk(ledger, held, *WHOLE)
    with pytest.raises(LeaseLost):
        ledger.commit(replace(done, lease=held.lease), e.GaveUp(Reason("internal_error", "Too late.")))
    assert ledger.load(done.id) == done


def test_an_event_that_cannot_happen_leaves_no_trace(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    run = ledger.claim("agents", "w")
    with pytest.raises(IllegalTransition):
        ledger.commit(run, e.Delivered(RECEIPT))
    assert _events(engine, run.id) == ["Queued", "Claimed"]
    assert ledger.load(run.id) == run


def test_a_commit_whose_answer_was_lost_is_stored_once(engine: sa.Engine) -> None:
    """Proves: F47."""
    ledger = SqlLedger(engine)
    start(engine)
    run = ledger.claim("agents", "w")
    first = ledger.commit(run, e.Prepared("b" * 40))
    assert ledger.commit(run, e.Prepared("b" * 40)) == first
    assert _events(engine, run.id) == ["Queued", "Claimed", "Prepared"]


def test_renewing_keeps_the_run(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine, lease_s=0.5)
    start(engine)
    run = ledger.claim("agents", "w")
    assert SqlLedger(engine, lease_s=60).renew(run)
    assert SqlLedger(engine, lease_s=OVER).renew(run)
    assert not ledger.renew(run)
    assert not ledger.renew(replace(run, lease=None))


@pytest.mark.parametrize("given_back", [e.Released(), e.Parked(Reason("github_unavailable", "GitHub is down."), 0.0)])
def test_an_event_that_leaves_the_worker_gives_the_lease_back(engine: sa.Engine, given_back: e.Event) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    run = ledger.claim("agents", "w")
    after = ledger.release(walk(ledger, run, *LAUNCHED), given_back)
    assert after.lease is None
    with pytest.raises(LeaseLost):
        ledger.commit(replace(after, lease=run.lease), e.Prepared("b" * 40))


def test_a_lost_worker_costs_a_new_attempt_and_the_third_ends_the_run(engine: sa.Engine) -> None:
    """Proves: F30, I05, 002-05, 001-01."""
    ledger = SqlLedger(engine, lease_s=OVER)
    run = start(engine)
    for attempt in (1, 2, 3):
        assert ledger.claim("agents", "w").attempt == attempt
        assert ledger.expire() == ([run.id] if attempt < 3 else [])
    ended = ledger.load(run.id)
    assert (ended.state, ended.reason.code) == (RunState.FAILED, "poison")


def test_what_a_dead_worker_held_is_taken_back_before_its_lease_ends_and_nothing_else(engine: sa.Engine) -> None:
    """Proves: F24, F25, I05, I07, 001-21."""
    ledger = SqlLedger(engine)
    start(engine), start(engine, "label:42:2", number=8)
    dead, other = ledger.claim("agents", "host:agents-1:11:1"), ledger.claim("agents", "host:agents-1:111:1")
    assert ledger.lost("host:agents-1:11:1") == [dead.id]
    assert ledger.lost("host:agents-1:11:1") == []
    assert (ledger.load(dead.id).lost_workers, _events(engine, dead.id)[-1]) == (1, "LeaseExpired")
    with pytest.raises(LeaseLost):
        ledger.commit(dead, e.Prepared("b" * 40))
    assert ledger.renew(other)


def test_noticing_a_stuck_run_is_an_event_and_counts_nothing(engine: sa.Engine) -> None:
    """Proves: 001-24, I06."""
    ledger = SqlLedger(engine)
    start(engine)
    held = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED)
    assert ledger.notice() == []
    with engine.begin() as connection:  # its worker keeps the lease and does nothing, for longer than the run may take at all
        long_ago = {**connection.scalar(sa.select(run_table.c.projection)), "claimed_at": 1.0}
        connection.execute(sa.update(run_table).values(projection=long_ago))
    before = ledger.load(held.id)
    assert [ledger.notice(), ledger.notice()] == [[held.id], []]
    after = ledger.load(held.id)
    assert _events(engine, held.id)[-1] == "StuckNoticed"
    assert replace(after, version=before.version) == before
    assert ledger.commit(held, e.Built(RESULT)).state is RunState.RUNNING


def test_a_stop_that_the_lost_worker_never_saw_ends_the_run_when_it_comes_back(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine, lease_s=OVER)
    start(engine)
    run = ledger.claim("agents", "w")
    SqlRuns(engine).stop(run.id, "anna", "Enough.")
    assert ledger.expire() == []
    assert (ledger.load(run.id).state, _events(engine, run.id)[-2:]) == (RunState.CANCELLED, ["LeaseExpired", "Cancelled"])


PLANNED = (e.Prepared("b" * 40), e.Launched("plan", 1, "scripted"), e.Planned(RESULT, "A plan."))
LETTING_GO: Mapping[str, tuple[e.Event, ...]] = {
    "queued": (e.Released(),),
    "parked": (e.Parked(Reason("github_unavailable", "GitHub is down."), 9e9),),
    "awaiting_approval": (*PLANNED, e.ApprovalAsked(9e9)),
    "awaiting_ci": (*VERIFIED, e.FlowFinished(), e.ChecksAwaited(RECEIPT)),
}


@pytest.mark.parametrize(("state", "events"), LETTING_GO.items(), ids=LETTING_GO)
def test_a_stop_that_came_while_a_worker_held_the_run_does_not_wait_with_it(
    engine: sa.Engine, state: str, events: tuple[e.Event, ...]
) -> None:
    """A pause, a person, GitHub's checks or the end of an outage might not come for days. Proves: 004-34, F79."""
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *events[:-1])
    SqlRuns(engine).stop(run.id, "anna", "Enough.")
    after = ledger.commit(run, events[-1])
    assert (after.state, after.reason, after.lease) == (RunState.CANCELLED, Reason("stopped", "Enough."), None)
    assert (_states(engine, run.id)[-2:], after.receipt) == ([state, "cancelled"], RECEIPT if state == "awaiting_ci" else None)


def test_a_verified_run_is_claimed_for_its_delivery(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    ledger.release(walk(ledger, ledger.claim("agents", "w"), *VERIFIED, e.FlowFinished()))
    run = ledger.claim("agents", "w")
    assert (run.state, run.phase, run.attempt) == (RunState.DELIVERING, Phase.DELIVER, 2)


@pytest.mark.parametrize(("until", "state"), [(1.0, RunState.QUEUED), (0.0, RunState.PARKED), (9e9, RunState.PARKED)])
def test_a_parked_run_wakes_when_its_time_has_come(engine: sa.Engine, until: float, state: RunState) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    run = ledger.commit(ledger.claim("agents", "w"), e.Parked(Reason("github_unavailable", "GitHub is down."), until))
    assert ledger.wake() == ([run.id] if state is RunState.QUEUED else [])
    assert ledger.load(run.id).state is state


@dataclass(frozen=True)
class Told:
    id: str
    type: str
    url: str
    body: bytes


def test_callbacks_are_written_with_the_event_or_not_at_all(engine: sa.Engine) -> None:
    """Proves: I10, 003-28."""

    def messages(run: Run, event_: e.Event, at: float) -> list[Told]:
        return [Told(f"{run.id[:8]}-{run.version}", f"run.{run.state}", "https://example.org/hook", b"{}")]

    ledger = SqlLedger(engine, messages=messages)
    start(engine)
    run = ledger.claim("agents", "w")
    with pytest.raises(IllegalTransition):
        ledger.commit(run, e.Delivered(RECEIPT))
    ledger.commit(run, e.Prepared("b" * 40))
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(outbox)).all()) == 2


def _events(engine: sa.Engine, run_id: str) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(event.c.type).where(event.c.run_id == run_id).order_by(event.c.seq)))


def _everything(engine: sa.Engine) -> dict[str, list[object]]:
    with engine.connect() as connection:
        return {table.name: list(connection.execute(sa.select(table))) for table in metadata.sorted_tables}


def _states(engine: sa.Engine, run_id: str) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(event.c.state).where(event.c.run_id == run_id).order_by(event.c.seq)))
