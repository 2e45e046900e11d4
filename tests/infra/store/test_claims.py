"""Who gets which run: one at a time, one of an item, in a fair order and never beyond the limits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store.claims import Limits
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.schema import run as table
from jobs import events as e
from jobs.errors import Reason
from jobs.model import Repository, Source
from tests.infra.store.asked import VERIFIED, WHOLE, start, walk
from tests.infra.store.conftest import Place

NO_LIMITS = Limits(0, 0, 0)
CLAIMERS, RUNS = 4, 24


def _claim_all(data: Path, url: str | None, name: str) -> list[tuple[str, int]]:
    """What one worker process gets until nothing is left."""
    engine, got = open_store(data, url), []
    ledger = SqlLedger(engine, limits=NO_LIMITS)
    while run := ledger.claim("agents", name):
        got.append((run.id, run.lease.token))
    engine.dispose()
    return got


def test_claimers_in_several_processes_never_share_a_run(place: Place, engine: sa.Engine) -> None:
    """Proves: F27, I03, I07, 001-13."""
    wanted = {start(engine, f"k{n}", number=n).id for n in range(RUNS)}
    with get_context("spawn").Pool(CLAIMERS) as pool:
        got = pool.starmap(_claim_all, [(place.data, place.url, f"w{n}") for n in range(CLAIMERS)])
    claims = [claim for worker in got for claim in worker]
    assert sorted(run_id for run_id, _ in claims) == sorted(wanted)
    assert {token for _, token in claims} == {1}


def test_claims_at_the_limit_never_go_beyond_it(engine: sa.Engine) -> None:
    """Proves: 003-09, 000-16."""
    for n in range(12):
        start(engine, f"k{n}", number=n)
    ledger = SqlLedger(engine, limits=Limits(repository=3))
    with ThreadPoolExecutor(8) as pool:
        got = [run for run in pool.map(lambda n: ledger.claim("agents", f"w{n}"), range(8)) if run]
    assert len(got) == 3
    walk(ledger, got[0], *WHOLE)
    assert ledger.claim("agents", "w") is not None
    assert ledger.claim("agents", "w") is None


@pytest.mark.parametrize(("limits", "most"), [(Limits(2, 0, 0), 4), (Limits(0, 3, 0), 3), (Limits(0, 0, 1), 1), (NO_LIMITS, 6)])
def test_each_limit_counts_what_it_says(engine: sa.Engine, limits: Limits, most: int) -> None:
    for n in range(6):
        start(engine, f"k{n}", number=n, repository=Repository(40 + n % 2, f"acme/r{n % 2}", installation=7))
    ledger = SqlLedger(engine, limits=limits)
    assert sum(ledger.claim("agents", "w") is not None for _ in range(6)) == most


def test_one_run_of_an_item_at_a_time_in_the_order_they_were_asked(engine: sa.Engine) -> None:
    """Proves: I03, 003-09."""
    ledger = SqlLedger(engine)
    first, second = start(engine, "k1"), start(engine, "k2", priority=9)
    other = start(engine, "k3", repository=Repository(43, "acme/other", installation=7))
    held = ledger.claim("agents", "w")
    assert [held.id, ledger.claim("agents", "w").id, ledger.claim("agents", "w")] == [first.id, other.id, None]
    ledger.commit(held, e.Parked(Reason("github_unavailable", "GitHub is down."), 0.0))
    assert ledger.claim("agents", "w") is None, "a parked run still has its item"
    SqlRuns(engine).stop(first.id, "anna", "No.")
    assert ledger.claim("agents", "w").id == second.id


def test_runs_on_no_item_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    for n in range(2):
        start(engine, f"k{n}", number=None)
    ledger = SqlLedger(engine)
    assert all(ledger.claim("agents", "w") for _ in range(2))


def test_priority_goes_first_then_age(engine: sa.Engine) -> None:
    """Proves: 003-25."""
    made = {name: start(engine, name, number=n, priority=p).id for n, (name, p) in enumerate([("old", 0), ("young", 0), ("urgent", 5)])}
    ledger = SqlLedger(engine)
    assert [SqlRuns(engine).position(SqlRuns(engine).get(made[name])) for name in ("urgent", "old", "young")] == [1, 2, 3]
    assert [ledger.claim("agents", "w").id for _ in range(3)] == [made["urgent"], made["old"], made["young"]]
    assert SqlRuns(engine).position(SqlRuns(engine).get(made["old"])) == 0


@pytest.mark.parametrize("slots", [1, 3])
def test_no_installation_starves_another(engine: sa.Engine, slots: int) -> None:
    """Proves: 003-25."""
    greedy = Repository(1, "greedy/r", installation=1)
    for n in range(12):
        start(engine, f"g{n}", number=n, repository=greedy)
    modest = [start(engine, f"m{n}", number=n, repository=Repository(2, "modest/r", installation=2)).id for n in range(2)]
    ledger, order, held = SqlLedger(engine, limits=Limits(total=slots)), [], []
    while len(order) < 6:
        while run := ledger.claim("agents", "w"):
            order.append(run.id)
            held.append(run)
        walk(ledger, held.pop(0), *WHOLE)
    assert set(modest) <= set(order[:4])


def _paused(runs: SqlRuns) -> None:
    runs.pause("*", "anna", "Upgrade.")


def _repository_paused(runs: SqlRuns) -> None:
    runs.pause("7:42", "anna", "Too noisy.")


@pytest.mark.parametrize("pause", [_paused, _repository_paused])
def test_nothing_new_is_claimed_while_paused_and_what_runs_goes_on(engine: sa.Engine, pause: Callable[[SqlRuns], None]) -> None:
    """Proves: 001-18."""
    ledger, runs = SqlLedger(engine), SqlRuns(engine)
    start(engine, "k1", number=1)
    held = ledger.claim("agents", "w")
    start(engine, "k2", number=2)
    other = start(engine, "k3", repository=Repository(421, "acme/other", installation=7))
    pause(runs)
    pause(runs)
    everything = runs.paused("9:9") is not None
    assert runs.paused("7:42")
    claimed = ledger.claim("agents", "w")
    assert (claimed and claimed.id) == (None if everything else other.id)
    walk(ledger, held, *WHOLE)
    assert ledger.claim("agents", "w") is None
    assert runs.resume("*" if everything else "7:42")
    assert not runs.resume("*")
    assert ledger.claim("agents", "w") is not None


def test_test_runs_have_workers_of_their_own_and_a_local_one_its_own_process(engine: sa.Engine) -> None:
    """Proves: 001-04, 001-12."""
    test = start(engine, "k1", number=1, test=True)
    local = start(engine, "k2", number=2, source=Source("cli"))
    ledger = SqlLedger(engine)
    assert ledger.claim("agents", "w") is None
    assert ledger.claim("local", "w", "f" * 32, only=True) is None
    assert ledger.claim("local", "w", local.id, only=True).id == local.id
    assert ledger.claim("test", "w").id == test.id


@pytest.mark.parametrize("trigger", ["label", "command", "api", "schedule", "rerequest"])
def test_whoever_asked_waits_by_the_same_rule(engine: sa.Engine, trigger: str) -> None:
    """Proves: 001-33."""
    ledger, runs = SqlLedger(engine, limits=Limits(total=1)), SqlRuns(engine)
    first = start(engine, "k1", source=Source(trigger, number=1))
    start(engine, "k2", source=Source(trigger, number=1))
    other = start(engine, "k3", source=Source(trigger, number=2))
    runs.pause("*", "anna", "Upgrade.")
    assert (ledger.due(), ledger.claim("agents", "w")) == ([], None)
    runs.resume("*")
    assert ledger.due() == [first.id, other.id]
    held = ledger.claim("agents", "w")
    assert (held.id, ledger.claim("agents", "w")) == (first.id, None)
    walk(ledger, held, *WHOLE)
    assert ledger.claim("agents", "w") is not None


def test_a_hint_does_not_change_the_order(engine: sa.Engine) -> None:
    first, second = start(engine, "k1", number=1), start(engine, "k2", number=2)
    assert SqlLedger(engine).claim("agents", "w", second.id).id == first.id


def test_who_could_be_claimed_is_rung_for(engine: sa.Engine) -> None:
    """Proves: F22, I22."""
    ledger, runs = SqlLedger(engine), SqlRuns(engine)
    one, two = start(engine, "k1", number=1), start(engine, "k2", number=2)
    behind = start(engine, "k3", number=2)
    assert ledger.due() == [one.id, two.id]
    assert ledger.due(limit=1) == [one.id]
    with engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == one.id).values(not_before=9e9))
    assert ledger.due() == [two.id]
    runs.stop(two.id, "anna", "No.")
    assert ledger.due() == [behind.id]
    runs.pause("*", "anna", "Upgrade.")
    assert ledger.due() == []


def test_a_run_that_only_has_to_leave_still_has_its_item(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine)
    first = start(engine, "k1")
    start(engine, "k2")
    ledger.release(walk(ledger, ledger.claim("agents", "w"), *VERIFIED, e.FlowFinished()))
    assert ledger.claim("agents", "w").id == first.id
