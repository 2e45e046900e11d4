"""A worker's hold on a run: the ledger for as long as it holds it, renewed in time, and the end of the process when it is lost."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infra.lifeline import end_at_once
from jobs.errors import Fault
from jobs.events import Event
from jobs.model import HELD, Run
from jobs.ports import Clock

log = structlog.get_logger("slipway.lease")
RENEW_EVERY_S = 10.0
GIVE_UP_AFTER_S = 40.0
"""A lease lives 45 seconds from its last renewal; whoever cannot renew has to be dead before somebody else claims."""


class HandedBack(BaseException):
    """Raised in a worker that is asked to leave: it works on nothing any more. Not an Exception, so that nobody on the way swallows it."""


class Ledger(Protocol):
    """The store of runs, as far as the holder of a lease needs it."""

    def load(self, run_id: str) -> Run:
        """The run as it stands. Raises KeyError."""
        ...

    def commit(self, run: Run, event: Event) -> Run:
        """Store the event; the lease of the run that is returned is None once it is given back. Raises LeaseLost."""
        ...

    def messages(self, run: Run) -> Sequence[str]:
        """The steering messages so far."""
        ...

    def renew(self, run: Run) -> bool:
        """Extend the run's lease; False when it is another's or given back."""
        ...


class Hold:
    """`jobs.ports.Ledger` for the time of a `with` block, with the lease renewed from a thread.

    When the lease is another's, or has not been renewed for too long, the whole process is killed: whatever it was doing
    is no longer its to do. `told` hears the id of a run after each commit; a `leaving` that says yes ends the hold after
    the next one, with HandedBack.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        clock: Clock,
        *,
        told: Callable[[str], None],
        leaving: Callable[[], bool],
        every_s: float = RENEW_EVERY_S,
    ) -> None:
        self.run = run
        self._ledger, self._clock, self._told, self._leaving, self._every_s = ledger, clock, told, leaving, every_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.open = True
        self._renewed = clock.monotonic()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def load(self, run_id: str) -> Run:
        return self._ledger.load(run_id)

    def messages(self, run: Run) -> Sequence[str]:
        return self._ledger.messages(run)

    def commit(self, run: Run, event: Event) -> Run:
        """As the ledger's. Raises HandedBack between two phases when this worker is asked to leave."""
        self.store(run, event)
        if self.held and self._leaving():
            raise HandedBack
        return self.run

    def store(self, run: Run, event: Event) -> Run:
        """As `commit`, whoever is leaving. Nobody interrupts it (`open`), nor what follows once the lease is given back."""
        self.open = False
        with self._lock:  # no renewal in between: it would find the lease gone and take it for lost
            self.run = self._ledger.commit(run, event)
            if not self.held:
                self._over.set()
        self._told(run.id)
        self.open = self.held
        return self.run

    @property
    def held(self) -> bool:
        """Whether the lease is still ours to keep."""
        return self.run.lease is not None and self.run.state in HELD

    def _keep(self) -> None:
        try:
            while not self._over.wait(self._every_s):
                if not self._renew():
                    break
        finally:
            if not self._over.is_set():
                log.error("the lease is lost: this worker ends now", run=self.run.id)
                end_at_once()

    def _renew(self) -> bool:
        with self._lock:
            if self._over.is_set():
                return True
            try:
                held = self._ledger.renew(self.run)
            except (Fault, SQLAlchemyError) as error:
                log.warning("the lease could not be renewed", run=self.run.id, error=type(error).__name__)
                return self._clock.monotonic() - self._renewed < GIVE_UP_AFTER_S
            self._renewed = self._clock.monotonic()
            return held
