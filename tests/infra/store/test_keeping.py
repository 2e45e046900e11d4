"""Duties are done once a slot, effects are written before they are tried, and what happened is announced."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from infra.store.announcements import SqlAnnouncements
from infra.store.effects import SqlEffects
from infra.store.keeping import SqlTicks, SqlWorkers
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.schema import worker
from jobs.errors import LeaseLost
from tests.infra.store.asked import WHOLE, start, walk


def test_a_slot_of_a_duty_is_one_keepers_whoever_asks(engine: sa.Engine) -> None:
    """Proves: F29, I15, 001-13."""
    ticks = SqlTicks(engine)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda n: ticks.take("poll", 7, f"k{n}"), range(16))) == 1
    assert ticks.take("poll", 8, "k") is True
    assert ticks.take("sweep", 7, "k") is True
    assert ticks.take("poll", 7, "k") is False


def test_old_ticks_go_but_the_newest_of_a_duty_stays(engine: sa.Engine) -> None:
    ticks = SqlTicks(engine)
    for slot in (1, 2, 3):
        ticks.take("poll", slot, "k")
    ticks.ended("poll", 3, "12 deliveries")
    assert ticks.forget(older_than_s=-60) == 2
    assert ticks.take("poll", 3, "k") is False


def test_processes_are_seen_until_they_say_goodbye_or_nothing(engine: sa.Engine) -> None:
    workers = SqlWorkers(engine)
    for name in ("a", "b", "c"):
        workers.started(name, role="worker", host="h", pid=1, version="0.1.0", config_hash="c")
    workers.ended("a")
    with engine.begin() as connection:
        connection.execute(sa.update(worker).values(seen_at=1.0))
    workers.seen("b")
    assert workers.bury(silent_s=60) == ["c"]
    assert [found["id"] for found in SqlReading(engine).health()["workers"]] == ["b"]


def test_an_effect_is_written_before_it_is_tried_and_found_by_the_next_try(engine: sa.Engine) -> None:
    """Proves: I04."""
    ledger, effects = SqlLedger(engine), SqlEffects(engine)
    start(engine)
    run = ledger.claim("agents", "w")
    first = effects.intend(run, "pull", "slipway/7-greet-1")
    assert (first.done, first.external) == (False, {})
    done = effects.done(run, first, {"number": 9})
    assert done == replace(first, done=True, external={"number": 9})
    assert effects.intend(run, "pull", "slipway/7-greet-1") == replace(done, tries=2)
    assert effects.intend(run, "pull", "another").done is False
    assert [effect.key for effect in effects.of(run.id)] == ["slipway/7-greet-1", "another"]


def test_nothing_is_sent_with_too_little_of_a_lease_left(engine: sa.Engine) -> None:
    """Proves: F28, I04."""
    start(engine)
    run = SqlLedger(engine, lease_s=10).claim("agents", "w")
    with pytest.raises(LeaseLost):
        SqlEffects(engine, send_timeout_s=15).intend(run, "push", "branch")
    assert SqlEffects(engine).of(run.id) == []
    effect = SqlEffects(engine, send_timeout_s=5).intend(run, "push", "branch")
    SqlEffects(engine).done(run, effect, {})


def test_a_worker_that_lost_the_run_writes_no_effect(engine: sa.Engine) -> None:
    """Proves: F28, I07."""
    start(engine)
    zombie = SqlLedger(engine).claim("agents", "first")
    effect = SqlEffects(engine).intend(zombie, "push", "branch")
    SqlLedger(engine).release(zombie)
    SqlLedger(engine).claim("agents", "second")
    for late in (lambda: SqlEffects(engine).intend(zombie, "push", "other"), lambda: SqlEffects(engine).done(zombie, effect, {})):
        with pytest.raises(LeaseLost):
            late()
    assert SqlEffects(engine).of(zombie.id) == [effect]


def test_a_final_run_is_still_announced_without_a_lease(engine: sa.Engine) -> None:
    ledger, effects = SqlLedger(engine), SqlEffects(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    assert effects.done(run, effects.intend(run, "comment", "status"), {"id": 5}).external == {"id": 5}


def test_what_happened_is_announced_once_it_is_said(engine: sa.Engine) -> None:
    """Proves: I09, 003-28."""
    ledger, announcements = SqlLedger(engine), SqlAnnouncements(engine)
    run = start(engine)
    assert announcements.due() == [run.id]
    said = announcements.claim(run.id)
    assert (said, said.lease, announcements.claim(run.id), announcements.due()) == (run, None, None, [])
    held = ledger.claim("agents", "w")
    announcements.done(said, said.version)
    again = announcements.claim(run.id)
    assert again.version == held.version > said.version
    announcements.done(again, again.version)
    assert (announcements.due(), announcements.claim(run.id)) == ([], None)


@pytest.mark.parametrize("ends", ["done", "later"])
def test_an_announcer_that_was_overtaken_may_have_written_last_so_it_is_said_again(engine: sa.Engine, ends: str) -> None:
    """Proves: F28."""
    ledger, slow, quick = SqlLedger(engine), SqlAnnouncements(engine, lease_s=-1), SqlAnnouncements(engine)
    start(engine)
    before = slow.claim(start(engine).id)
    ledger.claim("agents", "w")
    newest = quick.claim(before.id)
    quick.done(newest, newest.version)
    assert quick.due() == []
    slow.done(before, before.version) if ends == "done" else slow.later(before, -1.0)
    again = quick.claim(before.id)
    assert again.version == newest.version
    quick.done(again, again.version)
    assert quick.due() == []


def test_what_could_not_be_said_waits_and_an_announcer_that_died_is_replaced(engine: sa.Engine) -> None:
    run = start(engine)
    announcements = SqlAnnouncements(engine, lease_s=-1)
    assert announcements.claim(run.id)
    assert announcements.claim(run.id)
    assert [announcements.later(run, 3600), announcements.later(run, 3600)] == [1, 2]
    assert (announcements.due(), announcements.claim(run.id)) == ([], None)
