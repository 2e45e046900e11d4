"""What happened is added up once, whoever counts and however often."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import sqlalchemy as sa

from infra.store.effects import SqlEffects
from infra.store.inbox import Delivery, SqlInbox
from infra.store.ledger import SqlLedger
from infra.store.measuring import SqlTallies
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import event, meta, tick
from infra.store.work import now
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import AgentResult, Ended, Failure, Tokens
from tests.infra.store.asked import LAUNCHED, WHOLE, start, walk

WITH_TOKENS = AgentResult("claude", Ended.EXIT, 0, tokens=Tokens(1200, 340, 60), cost_usd=0.5)
BROKEN = AgentResult("claude", Ended.EXIT, 1, failure=Failure("a code of tomorrow", "It broke."))


def counted(engine: sa.Engine) -> Mapping[str, Mapping[tuple[str, ...], float]]:
    """Everything counted until now; nothing is too young."""
    tallies = SqlTallies(engine, lag_s=-60.0)
    tallies.follow()
    return tallies.counts()


def times(engine: sa.Engine, *at: float) -> None:
    """Let the stored events have happened then, in their order."""
    with engine.begin() as connection:
        seqs = connection.scalars(sa.select(event.c.seq).order_by(event.c.seq)).all()
        for seq, moment in zip(seqs, at, strict=True):
            connection.execute(sa.update(event).where(event.c.seq == seq).values(at=moment))


def test_phases_and_the_wait_before_them_are_measured_from_stored_events(engine: sa.Engine) -> None:
    """Proves: 004-27, 002-12. A message to the agent and its launch are in the middle of a phase."""
    ledger = SqlLedger(engine)
    run = start(engine)
    held = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED)
    SqlRuns(engine).say(run.id, "anna", "In French, please.")
    walk(ledger, replace(ledger.load(run.id), lease=held.lease), e.Built(WITH_TOKENS))
    times(engine, 100.0, 103.0, 104.0, 105.0, 106.0, 134.0)
    found = counted(engine)
    assert found["slipway_queue_wait_seconds"] == {("5.0",): 1.0}
    assert found["slipway_queue_wait_seconds_sum"] == {(): 3.0}
    assert found["slipway_phase_seconds"] == {("prepare", "1.0"): 1.0, ("build", "30.0"): 1.0}
    assert found["slipway_phase_seconds_sum"] == {("prepare",): 1.0, ("build",): 30.0}


def test_launches_are_counted_by_agent_and_outcome_with_what_they_used(engine: sa.Engine) -> None:
    """Proves: 004-27, 001-27. A code nobody knows is no label of its own."""
    ledger = SqlLedger(engine)
    start(engine)
    walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.Built(WITH_TOKENS))
    start(engine, "k2", number=8)
    walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.BuildFailed(BROKEN, ()), e.Parked(Reason("provider_overloaded", "Later."), 0.0))
    found = counted(engine)
    assert found["slipway_launches"] == {("claude", "ok"): 1.0, ("claude", "unknown"): 1.0}
    assert found["slipway_tokens"] == {("claude", "input"): 1200.0, ("claude", "output"): 340.0, ("claude", "cached"): 60.0}
    assert found["slipway_launch_cost_usd"] == {("claude",): 0.5}
    assert found["slipway_parked"] == {("provider_overloaded",): 1.0}


def test_counting_again_adds_nothing_and_what_is_young_is_left(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    young = SqlTallies(engine)
    assert (young.follow(), young.counts()) == (0, {})
    first = counted(engine)
    assert first["slipway_launches"] == {("scripted", "ok"): 1.0}
    assert counted(engine) == first
    assert SqlReading(engine).counts()["slipway_launches"] == first["slipway_launches"]
    with engine.connect() as connection:
        mark = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "counted events"))
    assert float(mark) == run.version


def test_an_older_event_behind_a_younger_one_waits_with_it(engine: sa.Engine) -> None:
    """On PostgreSQL events are not always committed in the order of their numbers."""
    ledger = SqlLedger(engine)
    start(engine)
    ledger.claim("agents", "w")
    times(engine, 4e9, 100.0)
    assert SqlTallies(engine, lag_s=0.0).follow() == 0


def test_the_first_status_is_measured_from_its_webhook_once(engine: sa.Engine) -> None:
    """Proves: 004-27."""
    inbox, effects = SqlInbox(engine), SqlEffects(engine)
    run = start(engine)
    inbox.insert([Delivery("1", "issues", "d-1", "labeled", None, "secret:0", b"{}")])
    row = inbox.claim(inbox.due()[0])
    assert row
    inbox.finish(row, "done", "started", run.id)
    for _ in range(2):
        effects.done(run, effects.intend(run, "comment", "status"), {"id": 1})
        assert sum(counted(engine)["slipway_first_status_seconds"].values()) == 1.0


@pytest.mark.parametrize("many", [1, 3])
def test_figures_from_elsewhere_are_added(engine: sa.Engine, many: int) -> None:
    tallies = SqlTallies(engine)
    for _ in range(many):
        tallies.add({("slipway_github_calls", ("GET", "2xx")): 2.0})
    assert tallies.counts() == {"slipway_github_calls": {("GET", "2xx"): 2.0 * many}}


def test_a_duty_is_as_old_as_its_newest_tick_on_any_host(engine: sa.Engine) -> None:
    """Proves: 004-27. Hosts are no label."""
    with engine.begin() as connection:
        clock = float(connection.scalar(sa.select(now())) or 0.0)
        for duty, slot, age in (("back up", 1, 900.0), ("back up", 2, 300.0), ("look on b", 1, 50.0), ("look on a", 1, 70.0)):
            connection.execute(tick.insert().values(duty=duty, slot=slot, worker="w", started_at=clock - age))
    ages = SqlReading(engine).counts()["slipway_tick_age_seconds"]
    assert ages.keys() == {("back up",), ("look",)}
    assert 300.0 <= ages["back up",] < 900.0
    assert 50.0 <= ages["look",] < 70.0
