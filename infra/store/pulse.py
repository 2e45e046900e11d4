"""Whether the store takes what is written: a full disk, and a lock that does not end, are not seen by reading."""

import shutil
import threading

import sqlalchemy as sa

from infra.store.doubt import FREE, StoreInDoubt
from infra.store.engine import sqlite_file
from infra.store.schema import meta
from infra.store.upsert import insert
from infra.store.work import now, write
from jobs.ports import Clock

EVERY_S = 1.0
LEAST_FREE = 256 * 1024
"""Bytes: with less some things can still be written, where the journal has a place for them, and the next one cannot."""


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
        self._base = sqlite_file(engine.url)
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
        if self._base and shutil.disk_usage(self._base.parent).free < LEAST_FREE:
            return f"No room is left on the disk of the database. {FREE}"
        try:
            beat(self._engine)
        except StoreInDoubt as doubt:
            return str(doubt)
        return None
