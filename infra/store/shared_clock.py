"""The time of the store, for a process on a machine whose own clock may be wrong."""

from threading import Lock

import sqlalchemy as sa

from infra.store.doubt import StoreInDoubt
from infra.store.work import now, read
from jobs.ports import Clock

FRESH_S = 60.0


class StoreClock:
    """`jobs.ports.Clock` that goes by the database: `now` on every machine is what leases and events are stamped with.

    The difference to this machine's clock is measured once a minute; while the database is away, the last one stands.
    """

    def __init__(self, engine: sa.Engine, local: Clock) -> None:
        self._engine = engine
        self._local = local
        self._lock = Lock()
        self._epoch = local.now() - local.monotonic()
        self._measured: float | None = None

    def now(self) -> float:
        """Seconds since the epoch, by the database."""
        at = self._local.monotonic()
        if self._measured is None or at - self._measured > FRESH_S:
            with self._lock:
                self._measure(at)
        return self._epoch + self._local.monotonic()

    def monotonic(self) -> float:
        """Seconds that never jump, of this machine."""
        return self._local.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._local.sleep(seconds)

    def _measure(self, at: float) -> None:
        if self._measured is not None and at - self._measured <= FRESH_S:
            return
        self._measured = at
        try:
            stored = read(self._engine, lambda connection: float(connection.scalar(sa.select(now())) or 0.0))
        except StoreInDoubt:
            return
        self._epoch = stored - self._local.monotonic()
