"""The runs that ended since a mark, for whoever tells of each of them afterwards and once."""

import sqlalchemy as sa

from delivery.traces import Arrival
from infra.store.schema import inbox, meta, run
from infra.store.upsert import insert
from infra.store.work import now, read, write

LAG_S = 15.0
"""What is younger may stand behind a transaction that is still open."""


class SqlEnded:
    """Runs by the moment they ended, from a mark of that name on. The mark begins at the first look: what ended before is not told."""

    def __init__(self, engine: sa.Engine, name: str, *, lag_s: float = LAG_S) -> None:
        self._engine, self._name, self._lag_s = engine, name, lag_s

    def next(self, limit: int) -> list[tuple[str, float]]:
        """The ids of the next runs and when each ended, oldest first."""

        def work(connection: sa.Connection) -> list[tuple[str, float]]:
            begin = insert(connection, meta).values(key=self._name, value=sa.cast(now(), sa.Text)).on_conflict_do_nothing()
            connection.execute(begin)
            at, _, last = str(connection.scalar(sa.select(meta.c.value).where(meta.c.key == self._name))).partition(" ")
            later = sa.tuple_(run.c.ended_at, run.c.id) > sa.tuple_(sa.literal(float(at)), sa.literal(last))
            ripe = (run.c.ended_at.is_not(None), later, run.c.ended_at <= now() - self._lag_s)
            rows = connection.execute(sa.select(run.c.id, run.c.ended_at).where(*ripe).order_by(run.c.ended_at, run.c.id).limit(limit))
            return [(row.id, row.ended_at) for row in rows]

        return write(self._engine, work)

    def told(self, run_id: str, ended_at: float) -> None:
        """The run and every one before it is told."""
        moved = sa.update(meta).where(meta.c.key == self._name).values(value=f"{ended_at!r} {run_id}")
        write(self._engine, lambda connection: connection.execute(moved).rowcount)

    def arrival(self, run_id: str) -> Arrival | None:
        """The first webhook that belongs to a run."""
        first = sa.select(inbox).where(inbox.c.run_id == run_id, inbox.c.done_at.is_not(None)).order_by(inbox.c.received_at).limit(1)
        row = read(self._engine, lambda connection: connection.execute(first).one_or_none())
        return Arrival(row.event, row.received_at, row.done_at) if row else None
