"""Whether the store takes what is written: a full disk, and a lock that does not end, are not seen by reading."""

import threading

import sqlalchemy as sa

from infra.store.doubt import StoreInDoubt
from infra.store.schema import meta
from infra.store.upsert import insert
from infra.store.work import now, write
from jobs.ports import Clock

EVERY_S = 1.0


def beat(engine: sa.Engine) -> None:
    """Write one row, over the last one. Raises StoreInDoubt where that cannot be done, after a single try."""

    def work(connection: sa.Connection) -> None:
        row = {"key": "pulse", "value": str(connection.scalar(sa.select(now())))}
        connection.execute(insert(connection, meta).values(**row).on_conflict_do_update(index_elements=["key"], set_=row))

    write(engine, work, tries=1)


class Pulse:
    """Asks the store once a second at most, however many ask how often: anybody may ask whether a service is ready."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._asking = threading.Lock()
        self._due = 0.0
        self._trouble: str | None = None

    def trouble(self) -> str | None:
        """Why nothing can be written, with what to do; None when it can. While somebody else asks, what was found last."""
        if self._asking.acquire(blocking=False):
            try:
                if self._clock.monotonic() >= self._due:
                    self._trouble = self._found()
                    self._due = self._clock.monotonic() + EVERY_S
            finally:
                self._asking.release()
        return self._trouble

    def _found(self) -> str | None:
        try:
            beat(self._engine)
        except StoreInDoubt as doubt:
            return str(doubt)
        return None
