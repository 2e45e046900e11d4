"""Which runs have something to say outside: those whose version is above the last one announced."""

from typing import Any

import sqlalchemy as sa

from infra.store.schema import iteration
from infra.store.schema import run as table
from infra.store.values import run_of
from infra.store.work import now, read, write
from jobs.evidence import Turn
from jobs.model import Run

LEASE_S = 60.0


class SqlAnnouncements:
    """One announcer at a time for each run, for a minute. Announcing is repeatable, so losing that minute is harmless."""

    def __init__(self, engine: sa.Engine, *, lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self._lease_s = lease_s

    def claim(self, run_id: str) -> Run | None:
        """The run, if it has something to say, its time has come and nobody else is saying it."""
        taken = sa.update(table).where(table.c.id == run_id, *_ready()).values(announce_until=now() + self._lease_s).returning(table)

        def work(connection: sa.Connection) -> Run | None:
            row = connection.execute(taken).one_or_none()
            return run_of(row) if row else None

        return write(self._engine, work)

    def done(self, run: Run, version: int) -> None:
        """Everything up to `version` is said.

        Where somebody said more meanwhile, this announcer was too slow and may have written over it: it is to be said again.
        """
        said = sa.update(table).where(table.c.id == run.id, table.c.announced != version)
        values = {"announced": version, "announce_until": 0.0, "announce_at": 0.0, "announce_tries": 0}
        write(self._engine, lambda connection: connection.execute(said.values(**values)).rowcount)

    def later(self, run: Run, delay: float, *, most: float | None = None) -> int:
        """It could not be said: again in `delay` seconds. How often that has been so since it last could.

        With `most` the wait is doubled for each time before, up to that.
        """

        def work(connection: sa.Connection) -> int:
            before = connection.scalar(sa.select(table.c.announce_tries).where(table.c.id == run.id)) or 0
            wait = delay if most is None else min(most, delay * 2.0 ** min(before, 20))
            back = sa.update(table).where(table.c.id == run.id)
            values = {"announce_until": 0.0, "announce_at": now() + wait, "announce_tries": before + 1, "announced": _at_most(run.version)}
            connection.execute(back.values(**values))
            return before + 1

        return write(self._engine, work)

    def turns(self, run: Run) -> list[Turn]:
        """What came of each turn of the run's loop, oldest first."""
        stored = sa.select(iteration).where(iteration.c.run_id == run.id).order_by(iteration.c.id)
        return read(self._engine, lambda connection: [_turn(row) for row in connection.execute(stored)])

    def due(self, limit: int = 100) -> list[str]:
        """The ids of runs with something to say, longest waiting first."""
        ready = sa.select(table.c.id).where(*_ready()).order_by(table.c.announce_at, table.c.version).limit(limit)
        return read(self._engine, lambda connection: list(connection.scalars(ready)))


def _at_most(version: int) -> sa.ColumnElement[int]:
    """What counts as said when an announcer of that version may have written last."""
    return sa.case((table.c.announced > version, version), else_=table.c.announced)


def _turn(row: sa.Row[Any]) -> Turn:
    results = (row.report or {}).get("results", ())
    return Turn(
        row.step, row.n, row.decision or "", tuple(result["name"] for result in results if not result["passed"] and result["required"])
    )


def _ready() -> tuple[sa.ColumnElement[bool], ...]:
    return (sa.literal_column("announced < version"), table.c.announce_at <= now(), table.c.announce_until <= now())
