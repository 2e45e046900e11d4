"""Budgets of a day: set aside with the claim, settled with the end, and never overspent however many ask at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from infra.store.budget import reserve, settle
from infra.store.claims import Limits
from infra.store.ledger import SqlLedger
from infra.store.schema import budget, reservation, run
from infra.store.snapshot import facts
from infra.store.work import read, write
from jobs import events as e
from jobs.budget import DAY_S, Budgets
from jobs.invariants import violations
from jobs.model import Repository, Run, RunState
from tests.infra.store.asked import LAUNCHED, RESULT, WHOLE, start, walk
from tests.infra.store.budget_race import ROOM, Overspent, Race

FIVE = Budgets.model_validate({"run": {"usd": 1.0}, "repository": {"usd": 5.0}})
TIGHT = Budgets.model_validate({"run": {"usd": 1.0, "tokens": 10}, "repository": {"usd": 7.5, "tokens": 100}, "installation": {"usd": 9}})
CLAIMERS, ROUNDS = 50, 3


def rows(engine: sa.Engine, table: sa.Table) -> Sequence[sa.Row]:
    return read(engine, lambda connection: connection.execute(sa.select(table)).all())


def held(engine: sa.Engine, count: int, budgets: Budgets = FIVE) -> tuple[SqlLedger, list[Run]]:
    """The runs that can be claimed out of `count`."""
    for n in range(count):
        start(engine, f"k{n}", number=n)
    ledger = SqlLedger(engine, budgets=budgets)
    return ledger, [run for run in (ledger.claim("agents", "w") for _ in range(count)) if run]


def test_fifty_who_ask_at_the_edge_never_get_more_than_there_is(engine: sa.Engine) -> None:
    """Proves: 002-06, I16, F48, 001-13."""
    runs = [start(engine, f"k{n}", number=n) for n in range(CLAIMERS)]

    def one(run: Run, day: int) -> bool:
        return write(engine, lambda connection: reserve(connection, run, TIGHT, day * DAY_S)) is None

    with ThreadPoolExecutor(CLAIMERS) as pool:
        for day in range(ROUNDS):
            got = list(pool.map(one, runs, [day] * CLAIMERS))
            assert sum(got) == 7
            assert all(row.reserved <= row.most for row in rows(engine, budget))
            assert sum(row.amount for row in rows(engine, reservation) if row.subject.startswith("installation")) == 7_000_000
            list(pool.map(lambda run: write(engine, lambda connection: settle(connection, run)), runs))
            assert not rows(engine, reservation)
    assert all(row.reserved == row.spent == 0 for row in rows(engine, budget))


class Unbounded(Race):
    """A race before a store that holds no budget."""

    def _budgets(self) -> Budgets:
        return Budgets()


def test_the_race_of_a_whole_installation_at_the_edge(engine: sa.Engine) -> None:
    """A slice of `python -m tests.infra.store.budget_race`. Proves: 002-06, I16, F48."""
    tally = Race(engine, 20).run(2)
    assert (tally.rounds, tally.claims, tally.held, tally.put_aside) == (2, 40, 2 * ROOM, 26)


def test_a_race_that_is_lost_is_seen(engine: sa.Engine) -> None:
    """The check is one that can fail: without the store's word, more runs are held than there is room for."""
    with pytest.raises(Overspent, match="20 runs are held and 0 have something set aside"):
        Unbounded(engine, 20).run(1)


def test_claimers_share_a_day_and_the_rest_waits_for_the_next(engine: sa.Engine) -> None:
    """Proves: 002-06, 002-23, I16, F48."""
    runs = [start(engine, f"k{n}", number=n) for n in range(8)]
    ledger = SqlLedger(engine, budgets=FIVE, limits=Limits(0, 0, 0))
    with ThreadPoolExecutor(8) as pool:
        got = [run for run in pool.map(lambda n: ledger.claim("agents", f"w{n}"), range(8)) if run]
    assert len(got) == 5
    states = [ledger.load(run.id).state for run in runs]
    assert (states.count(RunState.RUNNING), states.count(RunState.PARKED)) == (5, 3)
    assert violations(facts(engine)) == []


def test_a_run_over_the_budget_waits_and_says_what_is_left_and_when_there_is_more(engine: sa.Engine) -> None:
    """Proves: 002-23, I16."""
    ledger, got = held(engine, 3, Budgets.model_validate({"run": {"usd": 2.0}, "repository": {"usd": 5.0}}))
    assert len(got) == 2
    [waiting] = [run for run in facts(engine).runs if run.state is RunState.PARKED]
    parked = ledger.load(waiting.id)
    assert parked.reason.code == "budget_exhausted"
    assert "Of the $5.00 a day of the repository, $1.00 is left, and this run may need $2.00." in parked.reason.text
    assert "00:00 UTC" in parked.reason.text
    assert parked.not_before % DAY_S == 0
    assert parked.parks == 0, "waiting for money uses up no patience with faults"
    assert violations(facts(engine)) == []


def test_a_run_no_day_has_room_for_is_refused(engine: sa.Engine) -> None:
    """Proves: 002-23."""
    ledger, got = held(engine, 1, Budgets.model_validate({"run": {"tokens": 500}, "actor": {"tokens": 100}}))
    assert got == []
    [run] = facts(engine).runs
    assert (run.state, run.reason_code) == (RunState.FAILED, "budget_exhausted")
    assert "No day has that much" in ledger.load(run.id).reason.text


def test_what_was_spent_is_spent_and_the_rest_is_free_again(engine: sa.Engine) -> None:
    """Proves: I16."""
    ledger, [run] = held(engine, 1)
    [kept] = rows(engine, budget)
    assert (kept.reserved, kept.spent) == (1_000_000, 0)
    walk(ledger, run, *WHOLE)
    [settled] = rows(engine, budget)
    assert (settled.reserved, settled.spent, settled.overrun) == (0, 250_000, 0)
    assert rows(engine, reservation) == []
    assert violations(facts(engine)) == []


def test_a_second_attempt_sets_aside_what_is_left_and_pays_only_for_itself(engine: sa.Engine) -> None:
    ledger, [run] = held(engine, 1)
    ledger.release(walk(ledger, run, *LAUNCHED, e.Built(RESULT)))
    again = ledger.claim("agents", "w")
    [kept] = rows(engine, budget)
    assert (kept.reserved, kept.spent) == (750_000, 250_000)
    walk(ledger, again, *WHOLE)
    [settled] = rows(engine, budget)
    assert (settled.reserved, settled.spent) == (0, 500_000)


def test_a_lost_lease_gives_back_what_was_set_aside(engine: sa.Engine) -> None:
    """Proves: I16, F48."""
    start(engine)
    lost = SqlLedger(engine, budgets=FIVE, lease_s=-1).claim("agents", "gone")
    assert [row.reserved for row in rows(engine, budget)] == [1_000_000]
    assert SqlLedger(engine).expire() == [lost.id]
    assert [row.reserved for row in rows(engine, budget)] == [0]
    assert violations(facts(engine)) == []


def a_day_passes(engine: sa.Engine) -> None:
    """Whatever is stored of today is now of yesterday, and every wait for the next day is over."""

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.update(budget).values(day=budget.c.day - 1))
        connection.execute(sa.update(reservation).values(day=reservation.c.day - 1))
        connection.execute(sa.update(run).where(run.c.state == RunState.PARKED.value).values(not_before=run.c.not_before - DAY_S))

    write(engine, work)


def test_the_next_day_begins_with_all_of_it_and_who_waited_goes_on(engine: sa.Engine) -> None:
    """Proves: 002-23, I16."""
    waiting = [start(engine, f"k{n}", number=n).id for n in range(7)][5:]
    ledger = SqlLedger(engine, budgets=FIVE, limits=Limits(0, 0, 0))
    got = [one for one in (ledger.claim("agents", "w") for _ in range(7)) if one]
    for one in got:
        walk(ledger, one, *WHOLE)
    assert (len(got), ledger.wake()) == (5, []), "two wait, whatever is free again of what was set aside"
    a_day_passes(engine)
    assert sorted(ledger.wake()) == sorted(waiting)
    assert sorted(one.id for one in (ledger.claim("agents", "w") for _ in waiting) if one) == sorted(waiting)
    yesterday, today = sorted(rows(engine, budget), key=lambda row: row.day)
    assert [(row.spent, row.reserved) for row in (yesterday, today)] == [(5 * 250_000, 0), (0, 2_000_000)]
    assert violations(facts(engine)) == []


def test_what_was_set_aside_before_midnight_is_settled_on_the_day_it_was_set_aside(engine: sa.Engine) -> None:
    """Proves: I16."""
    ledger, [one] = held(engine, 1)
    a_day_passes(engine)
    start(engine, "another", number=99)
    assert ledger.claim("agents", "w") is not None
    walk(ledger, one, *WHOLE)
    yesterday, today = sorted(rows(engine, budget), key=lambda row: row.day)
    assert (yesterday.reserved, yesterday.spent) == (0, 250_000)
    assert (today.reserved, today.spent) == (1_000_000, 0), "the new day is not charged for it"
    assert violations(facts(engine)) == []


def test_budgets_of_repositories_are_apart(engine: sa.Engine) -> None:
    one = Budgets.model_validate({"run": {"usd": 1.0}, "repository": {"usd": 1.0}})
    for n, repository in enumerate((42, 42, 43)):
        start(engine, f"k{n}", number=n, repository=Repository(repository, f"acme/r{repository}", installation=7))
    ledger = SqlLedger(engine, budgets=one)
    assert [run.repository.id for run in (ledger.claim("agents", "w") for _ in range(3)) if run] == [42, 43]


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"reserved": 7}, "not by the runs that are held"), ({"spent": 6_000_000}, "6000000 spent and 1000000 set aside of 5000000 usd")],
)
def test_a_broken_budget_is_found(engine: sa.Engine, changes: dict[str, int], told: str) -> None:
    """Proves: I16."""
    held(engine, 1)
    write(engine, lambda connection: connection.execute(sa.update(budget).values(**changes)).rowcount)
    assert any(found.invariant == "I16" and told in found.text for found in violations(facts(engine)))
