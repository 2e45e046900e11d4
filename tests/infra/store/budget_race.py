"""Fifty workers at the edge of a day's budget, round after round.

`python -m tests.infra.store.budget_race --rounds 1000 [--minutes 15] [--postgres]`

In a round every worker claims a run at the same time, there is room for a few, and the rest is put aside; then some workers give their
run back, some spend before they do, and some vanish and lose it. After each round the reservations are exactly those of the runs that are
held, never more than the day has, and every invariant holds at the end. Exit 1 with the first thing that was wrong.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from infra.store.claims import Limits
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from infra.store.schema import budget, reservation, run
from infra.store.snapshot import facts
from infra.store.work import read, write
from jobs import events as e
from jobs.budget import Budgets
from jobs.evidence import AgentResult, Ended
from jobs.invariants import violations
from jobs.model import Run, RunState
from tests.infra.store.asked import LAUNCHED, start, walk
from tests.serving import postgres_server

ROOM = 7
CENT = AgentResult("scripted", Ended.EXIT, 0, summary="Spent a millionth of a dollar.", cost_usd=0.000001)
WIDE = Limits(0, 0, 0)


class Overspent(AssertionError):
    """Something that must never be; the text says in which round."""


@dataclass
class Tally:
    """What happened in all rounds together."""

    rounds: int = 0
    claims: int = 0
    held: int = 0
    put_aside: int = 0
    lost: int = 0
    spent: int = 0
    seconds: float = 0.0


class Race:
    """The workers, their runs, and a budget with room for `ROOM` of them (and half of one)."""

    def __init__(self, engine: sa.Engine, claimers: int, seed: int = 1) -> None:
        self._engine, self._chance = engine, random.Random(seed)
        self._ids = [start(engine, f"race:{n}", number=n).id for n in range(claimers)]
        self._tally = Tally()

    def run(self, rounds: int, most_s: float = float("inf")) -> Tally:
        """That many rounds, or as many as begin in `most_s` seconds. Raises Overspent."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(self._ids)) as pool:
            for number in range(1, rounds + 1):
                if time.monotonic() - began < most_s:
                    self._round(number, pool)
        self._tally.seconds = round(time.monotonic() - began, 1)
        if found := violations(facts(self._engine)):
            raise Overspent(f"after {self._tally.rounds} rounds: {found[0]}")
        return self._tally

    def _round(self, number: int, pool: ThreadPoolExecutor) -> None:
        ledger = SqlLedger(self._engine, budgets=self._budgets(), limits=WIDE)
        claimed = pool.map(lambda run_id: ledger.claim("agents", f"w-{run_id[:6]}", run_id, only=True), self._ids)
        held = [one for one in claimed if one is not None]
        self._check(number, held)
        list(pool.map(lambda one: self._leave(ledger, *one), [(one, self._chance.random()) for one in held]))
        self._tally.lost += len(ledger.expire())
        self._check(number, [])
        self._wake(ledger)
        self._tally.rounds, self._tally.claims = number, self._tally.claims + len(self._ids)
        self._tally.held, self._tally.put_aside = self._tally.held + len(held), self._tally.put_aside + len(self._ids) - len(held)

    def _budgets(self) -> Budgets:
        """What was spent in earlier rounds is added, so that each round begins with the same room."""
        spent = sum(row.spent for row in self._rows(budget) if row.subject.startswith("repository")) / 1e6
        return Budgets.model_validate({"run": {"usd": 1.0}, "repository": {"usd": ROOM + 0.5 + spent}, "installation": {"usd": 10**6}})

    def _leave(self, ledger: SqlLedger, held: Run, chance: float) -> None:
        """A third gives the run back, a third spends first, a third vanishes."""
        if chance < 1 / 3:
            ledger.release(held)
        elif chance < 2 / 3:
            ledger.release(walk(ledger, held, *LAUNCHED, e.Built(CENT)))
            self._tally.spent += 1
        else:
            self._set({"lease_until": 0.0}, run.c.id == held.id)

    def _check(self, number: int, held: Sequence[Run]) -> None:
        kept = {row.run_id for row in self._rows(reservation)}
        if kept != {one.id for one in held}:
            raise Overspent(f"round {number}: {len(held)} runs are held and {len(kept)} have something set aside")
        if held and len(held) != ROOM:
            raise Overspent(f"round {number}: {len(held)} runs are held where there is room for {ROOM}")
        for row in self._rows(budget):
            if row.spent + row.reserved > row.most or row.overrun:
                raise Overspent(f"round {number}: {row.spent} spent and {row.reserved} set aside of {row.most} of the {row.subject}")

    def _wake(self, ledger: SqlLedger) -> None:
        """The next round is the next day for those that were put aside; nobody's patience with lost workers ends here."""
        self._set({"not_before": 1.0}, run.c.state == RunState.PARKED.value)
        while ledger.wake():
            pass
        forgiven = {row.id: {**row.projection, "lost_workers": 0} for row in self._rows(run) if row.projection["lost_workers"]}

        def forgive(connection: sa.Connection) -> None:
            for run_id, projection in forgiven.items():
                connection.execute(sa.update(run).where(run.c.id == run_id).values(projection=projection))

        write(self._engine, forgive)

    def _rows(self, table: sa.Table) -> Sequence[sa.Row[tuple[object, ...]]]:
        return read(self._engine, lambda connection: connection.execute(sa.select(table)).all())

    def _set(self, values: dict[str, object], *where: sa.ColumnElement[bool]) -> None:
        write(self._engine, lambda connection: connection.execute(sa.update(run).where(*where).values(**values)).rowcount)


@contextlib.contextmanager
def store(postgres: bool) -> Iterator[sa.Engine]:
    """A fresh one."""
    with contextlib.ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="slipway-race-", ignore_cleanup_errors=True)))
        url = ending.enter_context(postgres_server(folder / "postgres")) if postgres else None
        engine = open_store(folder, url)
        ending.callback(engine.dispose)
        yield engine


def main() -> int:
    """Run it and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--claimers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    told = parser.parse_args()
    with store(told.postgres) as engine:
        try:
            print(json.dumps(asdict(Race(engine, told.claimers, told.seed).run(told.rounds, 60 * told.minutes))))
        except Overspent as wrong:
            print(wrong, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
