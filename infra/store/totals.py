"""How much there is of everything, however much is over: read in the time that what is not over takes.

What is over does not change any more, so it is counted once, up to a mark, and kept as counters; behind the mark it is counted at
each look. A row that is opened again, by a replay, is taken back out first. Both happen in the transaction that moves the mark, or the row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from infra.store import tallies
from infra.store.schema import attempt, inbox, iteration, outbox, run
from infra.store.tallies import Counted
from infra.store.work import now, write

BATCH, BATCHES = 1000, 20
LAG_S = 15.0
"""What is younger may stand behind a transaction that is still open."""


@dataclass(frozen=True, slots=True)
class Total:
    """What is counted, by which labels; `over` is when it was over, `open` says that it is not. `run` names the run it is over with."""

    name: str
    over: sa.Column[float]
    open: sa.ColumnElement[bool]
    labels: tuple[sa.ColumnElement[Any], ...] = ()
    sum: sa.Column[float] | None = None
    run: sa.Column[str] | None = None

    @property
    def mark(self) -> str:
        """The name of the mark up to which it is counted: all that is counted of one kind of row moves together."""
        return f"counted {self.over.table.name}"

    def counted(self, connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Counted:
        """The figures of some of the rows."""
        number = sa.func.count() if self.sum is None else sa.func.sum(self.sum)
        mine = where if self.run is None else (self.run.in_(sa.select(run.c.id).where(*where)),)
        asked = sa.select(*self.labels, number).where(*mine).group_by(*self.labels)
        rows = connection.execute(asked).all()
        return {tuple("none" if label is None else str(label) for label in row[:-1]): float(row[-1] or 0) for row in rows}


LIVE = run.c.ended_at.is_(None)
WAITS: sa.ColumnElement[str] = sa.literal_column("'pending'")
"""As the indexes say it: a bound value is not always seen to mean the same."""
NOTHING: sa.ColumnElement[str] = sa.literal_column("''")
"""Behind a column it keeps SQLite from walking an index on that column past everything that is over."""
TOTALS = (
    Total("ends", run.c.ended_at, LIVE, (run.c.state, run.c.reason_code)),
    Total("cost", run.c.ended_at, LIVE, sum=run.c.cost_usd),
    Total("attempts", run.c.ended_at, LIVE, (attempt.c.outcome,), run=attempt.c.run_id),
    Total("iterations", run.c.ended_at, LIVE, (iteration.c.agent, iteration.c.role), run=iteration.c.run_id),
    Total("webhooks", inbox.c.done_at, inbox.c.state == WAITS, (inbox.c.state.concat(NOTHING),)),
    Total("callbacks", outbox.c.done_at, outbox.c.state == WAITS, (outbox.c.state.concat(NOTHING),)),
)


class SqlTotals:
    """Counts what is over. What is younger than `lag_s` is left for the next time."""

    def __init__(self, engine: sa.Engine, *, lag_s: float = LAG_S) -> None:
        self._engine = engine
        self._lag_s = lag_s

    def follow(self) -> int:
        """Count what was over since the last time, a bounded number at once; how many transactions that took."""
        for number in range(BATCHES):
            if not write(self._engine, lambda connection: _follow(connection, self._lag_s)):
                return number + 1
        return BATCHES


def totals(connection: sa.Connection) -> dict[str, Counted]:
    """Every total, by name and label values."""
    kept = tallies.counters(connection)
    found: dict[str, Counted] = {}
    for total in TOTALS:
        mark = tallies.marked(connection, total.mark)
        found[total.name] = _sum(
            kept.get(_kept(total), {}), total.counted(connection, total.open), total.counted(connection, total.over > mark)
        )
    return found


def reopened(connection: sa.Connection, table: sa.Table, row_id: object) -> None:
    """A row is about to be not over any more: where it is counted, it is taken back out. To be called before it is changed."""
    for total in TOTALS:
        if total.over.table is table:
            before = total.counted(connection, table.c.id == row_id, total.over <= tallies.mark(connection, total.mark))
            tallies.add(connection, {(_kept(total), labels): -number for labels, number in before.items() if number})


def _follow(connection: sa.Connection, lag_s: float) -> bool:
    """Move each mark on; whether there is more."""
    at = float(connection.execute(sa.select(now())).scalar_one())
    moved = [_moved(connection, over, at - lag_s, at) for over in dict.fromkeys(total.over for total in TOTALS)]
    return any(moved)


def _moved(connection: sa.Connection, over: sa.Column[float], ripe: float, at: float) -> bool:
    mine = [total for total in TOTALS if total.over is over]
    mark = tallies.mark(connection, mine[0].mark)
    if mark > at:
        return _anew(connection, mine)
    batch = sa.select(over).where(over > mark, over <= ripe).order_by(over).offset(BATCH - 1).limit(1)
    until = connection.scalar(batch)
    upto = ripe if until is None else until
    for total in mine:
        fresh = total.counted(connection, over > mark, over <= upto)
        tallies.add(connection, {(_kept(total), labels): number for labels, number in fresh.items() if number})
    tallies.move(connection, mine[0].mark, max(mark, upto))
    return until is not None


def _anew(connection: sa.Connection, mine: Sequence[Total]) -> bool:
    """The clock was set back: what is over from now on would stand before the mark. Nothing counts as counted any more."""
    tallies.forget(connection, [_kept(total) for total in mine])
    tallies.move(connection, mine[0].mark, 0.0)
    return True


def _kept(total: Total) -> str:
    """The name of its counter."""
    return f"over: {total.name}"


def _sum(*parts: Counted) -> Counted:
    keys: Sequence[tuple[str, ...]] = [key for part in parts for key in part]
    return {key: sum(part.get(key, 0.0) for part in parts) for key in dict.fromkeys(keys)}
