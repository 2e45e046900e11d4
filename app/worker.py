"""What RQ calls by name, in a work-horse: an id comes in, the row says what there is to do.

This is the one place beside the webhook that catches everything: a bug is logged with its ids and told to the run, and the
worker goes on with the next bell.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.lease import HandedBack, Hold
from app.lease import Ledger as HoldLedger
from infra.lifeline import die_with
from jobs import convergence, runner
from jobs.errors import Fault, LeaseLost, Reason
from jobs.events import Released
from jobs.machine import IllegalTransition
from jobs.model import Run
from jobs.ports import Ports

log = structlog.get_logger("slipway.worker")
BUG = "A bug in Slipway interrupted this run; the worker's log names it by the run's id. Report it, then retry."
Row = int | str


class Takes(Protocol):
    """Something that looks at a row and does what there is to do; harmless when there is nothing."""

    def __call__(self, row: Any, /) -> None: ...


class Ledger(HoldLedger, Protocol):
    """The store of runs, as a worker needs it."""

    def claim(self, queue: str, worker: str, run_id: str | None = None) -> Run | None:
        """The next admissible run of the queue, under a lease; None when there is none."""
        ...

    def due(self, limit: int = 100, queue: str | None = None) -> list[str]:
        """Queued runs of a queue that could be claimed if there were room."""
        ...

    def lost(self, owner: str) -> list[str]:
        """Take back what an ended worker held; the ids that are queued again."""
        ...


class Bell(Protocol):
    """Wakes workers."""

    def ring(self, function: str, row: Row, queue: str | None = None) -> None:
        """Ask for a function to look at a row."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """Everything a worker may be asked for. `name` is how the store knows this worker; `account` adds up what it did outside."""

    name: str
    intake: Takes
    relay: Takes
    ledger: Ledger
    ports: Ports
    bell: Bell
    account: Callable[[], None] = lambda: None


class Horse:
    """Answers bells. Made in the worker's process, used in the work-horses it forks.

    A run in hand when the worker is told to leave is handed back at its next phase boundary, and after `grace_s` seconds
    wherever it is.
    """

    def __init__(self, work: Work, queue: str, grace_s: float) -> None:
        self._work, self._queue, self._grace_s = work, queue, grace_s
        self._worker = os.getpid()
        self._asked_to_leave = False

    @property
    def functions(self) -> Mapping[str, Callable[[Row], None]]:
        """The functions RQ may call, by the name that bells carry."""
        table = {"intake": self._work.intake, "relay": self._work.relay, "advance": self.advance}
        return {f"{__name__}.{name}": self._answering(name, function) for name, function in table.items()}

    def advance(self, hint: Row) -> None:
        """Claim the next run of the queue (perhaps another than `hint`) and walk it as far as it goes."""
        run = self._work.ledger.claim(self._queue, self._work.name, str(hint))
        if run is None:
            return
        with structlog.contextvars.bound_contextvars(run=run.id, attempt=run.attempt, delivery=run.request.source.delivery):
            log.info("claimed")
            after = self._walk(run)
            log.info("let go", state=after.state.value, phase=after.phase.value, reason=after.reason and after.reason.code)
        self._ring_next()

    def tie(self) -> None:
        """Called in a work-horse, first of all: it does not outlive its worker."""
        die_with(self._worker)

    def fell(self) -> None:
        """The work-horse was killed, as its parent saw: what it held is taken back now, and not when its lease runs out.

        Called in the worker's process. What cannot be taken back now is the keeper's.
        """
        try:
            back = self._work.ledger.lost(self._work.name)
        except (Fault, SQLAlchemyError) as error:
            log.warning("a killed work-horse's run is left to the keeper", error=type(error).__name__)
            return
        for run_id in back:
            self._work.bell.ring("advance", run_id, self._queue)

    def _walk(self, run: Run) -> Run:
        work = self._work
        tell = partial(work.bell.ring, "relay")
        tell(run.id)
        with Hold(work.ledger, run, work.ports.clock, told=tell, leaving=lambda: self._asked_to_leave) as hold:
            try:
                runner.walk(run, replace(work.ports, ledger=hold))
            except HandedBack:
                hold.store(hold.run, Released())
            except LeaseLost:
                log.warning("another worker owns the run now")
            except Fault:
                raise
            except Exception:  # a bug of ours may not leave the run without a word
                log.exception("a bug")
                self._tell_bug(hold)
        return hold.run

    def _tell_bug(self, hold: Hold) -> None:
        """The run waits and is tried again, a few times; then it is over. Always with a reason."""
        if not hold.held:
            return
        try:
            hold.store(hold.run, convergence.park(hold.run, Reason("internal_error", BUG), self._work.ports.clock.now()))
        except (LeaseLost, IllegalTransition) as error:
            log.warning("the bug could not be told to the run", error=type(error).__name__)

    def _ring_next(self) -> None:
        """A slot is free: whoever waits for it is told."""
        for run_id in self._work.ledger.due(1, self._queue):
            self._work.bell.ring("advance", run_id, self._queue)

    def _answering(self, name: str, function: Callable[[Row], None]) -> Callable[[Row], None]:
        def answer(row: Row) -> None:
            self._listen_for_the_end()
            with structlog.contextvars.bound_contextvars(function=name, row=row):
                self._answer(function, row)
                self._account()

        return answer

    def _answer(self, function: Callable[[Row], None], row: Row) -> None:
        """Nothing rises from here: RQ would store the traceback in Redis. What is not done stays due, and the keeper rings again."""
        try:
            function(row)
        except HandedBack:
            log.info("left")
        except Fault as fault:
            log.warning("put off", reason=fault.reason.code, text=fault.reason.text)
        except Exception:
            log.exception("a bug")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _account(self) -> None:
        """The figures of this process would end with it. They are not worth a run: without a store they are lost."""
        try:
            self._work.account()
        except Fault as fault:
            log.warning("not counted", reason=fault.reason.code, text=fault.reason.text)

    def _listen_for_the_end(self) -> None:
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGALRM, _leave_now)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_leave = True
        signal.setitimer(signal.ITIMER_REAL, self._grace_s)


def _leave_now(number: int, frame: FrameType | None) -> None:
    raise HandedBack
