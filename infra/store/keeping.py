"""The keeper's own records: which duty was done in which slot, and which processes are alive."""

import sqlalchemy as sa

from infra.store.schema import tick, worker
from infra.store.upsert import insert
from infra.store.work import now, read, write


class SqlTicks:
    """Each (duty, slot) is one row, so each tick is taken once, whoever and however many ask."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take(self, duty: str, slot: int, by: str) -> bool:
        """Whether the duty of this slot is the caller's to do: nobody else's, or that of one who ended in the middle of it."""

        def work(connection: sa.Connection) -> bool:
            mine = {"worker": by, "started_at": now()}
            row = insert(connection, tick).values(duty=duty, slot=slot, **mine)
            gone = tick.c.worker.in_(sa.select(worker.c.id).where(worker.c.ended_at.is_not(None)))
            taken = row.on_conflict_do_update(index_elements=["duty", "slot"], set_=mine, where=tick.c.ended_at.is_(None) & gone)
            return connection.scalar(taken.returning(tick.c.duty)) is not None

        return write(self._engine, work)

    def ended(self, duty: str, slot: int, result: str) -> None:
        """What came of it."""
        done = sa.update(tick).where(tick.c.duty == duty, tick.c.slot == slot).values(ended_at=now(), result=result)
        write(self._engine, lambda connection: connection.execute(done).rowcount)

    def last(self, duty: str) -> int | None:
        """The newest slot in which the duty was done; None when it never was."""
        newest = sa.select(sa.func.max(tick.c.slot)).where(tick.c.duty == duty)
        slot: int | None = read(self._engine, lambda connection: connection.scalar(newest))
        return slot

    def forget(self, older_than_s: float) -> int:
        """Remove old rows, the newest of each duty excepted; how many."""
        newest = tick.alias("newest")
        last = sa.select(sa.func.max(newest.c.slot)).where(newest.c.duty == tick.c.duty).correlate(tick).scalar_subquery()
        old = sa.delete(tick).where(tick.c.started_at < now() - older_than_s, tick.c.slot < last)
        return write(self._engine, lambda connection: connection.execute(old).rowcount)


class SqlWorkers:
    """The processes of the service, each under `host:role:pid:start`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def started(self, worker_id: str, *, role: str, host: str, pid: int, version: str, config_hash: str) -> None:
        """A process began."""
        row = {"id": worker_id, "role": role, "host": host, "pid": pid, "version": version, "config_hash": config_hash}
        begun = worker.insert().values(**row, started_at=now(), seen_at=now())
        write(self._engine, lambda connection: connection.execute(begun).rowcount)

    def seen(self, worker_id: str) -> None:
        """It is alive."""
        write(self._engine, lambda connection: connection.execute(_one(worker_id).values(seen_at=now())).rowcount)

    def ended(self, worker_id: str) -> None:
        """It said goodbye."""
        write(self._engine, lambda connection: connection.execute(_one(worker_id).values(seen_at=now(), ended_at=now())).rowcount)

    def bury(self, silent_s: float) -> list[str]:
        """Mark the processes that said nothing for so long as ended; their ids."""
        gone = sa.update(worker).where(worker.c.ended_at.is_(None), worker.c.seen_at < now() - silent_s).values(ended_at=now())
        return write(self._engine, lambda connection: list(connection.scalars(gone.returning(worker.c.id))))


def _one(worker_id: str) -> sa.Update:
    return sa.update(worker).where(worker.c.id == worker_id)
