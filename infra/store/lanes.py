"""How fast an installation may be written to: a token bucket each, shared by every process, and what GitHub told us to wait for."""

from typing import Any

import sqlalchemy as sa

from infra.store.schema import lane
from infra.store.upsert import insert
from infra.store.work import now, write


class SqlLanes:
    """One lane per installation. Thread-safe."""

    def __init__(self, engine: sa.Engine, *, a_minute: float = 60.0, burst: int = 10) -> None:
        self._engine = engine
        self._rate = a_minute / 60.0
        self._burst = float(burst)

    def take(self, installation: int, n: int = 1) -> float:
        """0.0: the `n` writes may go now, and are counted. Else nothing is counted: wait that many seconds and ask again.

        More at once than the bucket holds (`burst`) counts as the whole bucket.
        """
        return write(self._engine, lambda connection: self._take(connection, installation, min(float(n), self._burst)))

    def hold(self, installation: int, until: float) -> None:
        """Let nothing be written before `until` (epoch seconds); an earlier time never shortens a longer wait."""

        def work(connection: sa.Connection) -> None:
            row = self._row(connection, installation)
            self._put(connection, installation, not_before=max(row.not_before, until))

        write(self._engine, work)

    def _take(self, connection: sa.Connection, installation: int, n: float) -> float:
        row = self._row(connection, installation)
        if row.not_before > row.now:
            return float(row.not_before - row.now)
        tokens = min(self._burst, row.tokens + max(0.0, row.now - row.at) * self._rate)
        if tokens < n:
            return float((n - tokens) / self._rate)
        self._put(connection, installation, tokens=tokens - n, at=row.now)
        return 0.0

    def _row(self, connection: sa.Connection, installation: int) -> Any:
        """The lane, locked; a new one is full."""
        new = insert(connection, lane).values(installation=installation, tokens=0.0, at=0.0)
        connection.execute(new.on_conflict_do_nothing(index_elements=["installation"]))
        locked = sa.select(lane, now().label("now")).where(lane.c.installation == installation).with_for_update()
        return connection.execute(locked).one()

    def _put(self, connection: sa.Connection, installation: int, **columns: float) -> None:
        connection.execute(sa.update(lane).where(lane.c.installation == installation).values(**columns))
