"""What was asked is counted and remembered, and runs are found by what GitHub knows of them."""

import sqlalchemy as sa

from infra.store.asked import SqlAsked
from infra.store.claims import Limits
from infra.store.finding import SqlFinding
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from jobs import events as e
from jobs.model import Recent, Repository
from tests.infra.store.asked import GREETER, RECEIPT, REPORT, RESULT, SNAPSHOT, start, walk

OTHER = Repository(id=421, full_name="acme/greeter-2", installation=7)


def test_askings_are_counted_once_by_key_apart_by_actor_item_and_repository(engine: sa.Engine) -> None:
    """Proves: F14, I21."""
    asked = SqlAsked(engine)
    window = asked.recent("a", GREETER, 7, 1).window
    assert asked.recent("a", GREETER, 7, 1) == Recent(0, 0, window)
    assert asked.recent("b", GREETER, 7, 1) == Recent(1, 1, window)
    assert asked.recent("c", GREETER, 8, 1) == Recent(2, 0, window)
    assert asked.recent("d", GREETER, 7, 2) == Recent(0, 2, window)
    assert asked.recent("e", OTHER, 7, 1) == Recent(0, 0, window)


def test_what_was_done_is_remembered_by_its_whole_key(engine: sa.Engine) -> None:
    """Proves: 002-02."""
    asked = SqlAsked(engine)
    asked.recent("comment:42:90:1", GREETER, 7, 1)
    assert not asked.done("comment:42:90:1")
    assert [asked.close("comment:42:90:1", GREETER.scope, 7) for _ in range(2)] == [True, False]
    assert asked.done("comment:42:90:1")
    assert not asked.done("comment:42:90:12")
    assert not asked.done("comment:42:90")


def test_what_we_said_ourselves_counts_for_nobody(engine: sa.Engine) -> None:
    asked = SqlAsked(engine)
    asked.close("reply", GREETER.scope, 7)
    recent = asked.recent("a", GREETER, 7, 1)
    assert (recent.actor, recent.item) == (0, 0)


def test_old_rows_are_forgotten(engine: sa.Engine) -> None:
    asked = SqlAsked(engine)
    asked.close("reply", GREETER.scope, 7)
    assert asked.forget(3600) == 0
    assert asked.forget(-1) == 1
    assert not asked.done("reply")


def test_a_run_is_found_by_the_commit_it_delivered_or_may_work_on(engine: sa.Engine) -> None:
    finding, ledger = SqlFinding(engine), SqlLedger(engine, limits=Limits(9, 9, 9))
    begun = start(engine, "one")
    held = ledger.claim("agents", "w")
    assert held is not None
    walk(
        ledger, held, e.Prepared(SNAPSHOT.base), e.Launched("code", 1, "scripted"), e.Built(RESULT), e.Snapshotted(SNAPSHOT),
        e.Passed(REPORT), e.FlowFinished(), e.Delivered(RECEIPT),
    )  # fmt: skip
    on_head = start(engine, "two", head_sha="f" * 40)
    elsewhere = start(engine, "three", head_sha="f" * 40, repository=OTHER)
    found = {sha: finding.on_commit(GREETER.id, sha * 40) for sha in "cfe"}
    assert {sha: run.id if run else None for sha, run in found.items()} == {"c": begun.id, "f": on_head.id, "e": None}
    there = finding.on_commit(OTHER.id, "f" * 40)
    assert there is not None
    assert there.id == elsewhere.id


def test_the_live_runs_of_an_installation(engine: sa.Engine) -> None:
    """Proves: F85, I21."""
    runs, finding = SqlRuns(engine), SqlFinding(engine)
    ours, other, foreign, ended = (
        start(engine, "one"), start(engine, "two", repository=OTHER),
        start(engine, "three", repository=Repository(9, "umbrella/x", 77)), start(engine, "four"),
    )  # fmt: skip
    runs.stop(ended.id, "ann", "enough")
    assert {run.id for run in finding.live(7)} == {ours.id, other.id}
    assert {run.id for run in finding.live(7, [421, 9])} == {other.id}
    assert {run.id for run in finding.live(77)} == {foreign.id}
