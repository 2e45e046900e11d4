"""The lane every process of an installation shares: its bucket and its pauses are a row of the store."""

import sqlalchemy as sa

from infra.github.lane import BURST, PATIENCE_S, Bucket, pace, taken
from infra.store.schema import lane
from infra.store.upsert import insert
from infra.store.work import now, read, write
from jobs.ports import Clock


class SqlLane:
    """`infra.github.lane.Lane` on SQL, by the database's clock. Thread-safe."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def wait(self, installation: int, cost: float) -> None:
        """See `Lane`. A read takes no lock: it only looks whether there is a pause."""
        pace(self._clock, lambda price: self._take(installation, price) if price else self._look(installation), cost)

    def hold(self, installation: int, seconds: float) -> None:
        """See `Lane`."""

        def held(connection: sa.Connection) -> None:
            until = float(connection.execute(sa.select(now())).scalar_one()) + seconds
            later = sa.case((lane.c.not_before > until, lane.c.not_before), else_=until)
            new = insert(connection, lane).values(installation=installation, tokens=BURST, not_before=until)
            connection.execute(new.on_conflict_do_update(index_elements=["installation"], set_={"not_before": later}))

        write(self._engine, held)

    def _look(self, installation: int) -> float:
        pause = sa.select(lane.c.not_before - now()).where(lane.c.installation == installation)
        return max(0.0, float(read(self._engine, lambda connection: connection.scalar(pause)) or 0.0))

    def _take(self, installation: int, cost: float) -> float:
        def take(connection: sa.Connection) -> float:
            connection.execute(insert(connection, lane).values(installation=installation, tokens=BURST).on_conflict_do_nothing())
            mine = lane.c.installation == installation
            row = connection.execute(sa.select(lane, now().label("now")).where(mine).with_for_update()).one()
            bucket, wait = taken(Bucket(row.tokens, row.at, row.not_before), row.now, cost)
            if wait <= PATIENCE_S:
                connection.execute(sa.update(lane).where(mine).values(tokens=bucket.tokens, at=bucket.at))
            return wait

        return write(self._engine, take)
