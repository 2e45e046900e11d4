"""What RQ calls by name: an id comes in, the row says what there is to do.

Runs are walked in work-horses, a process for each; errands, which are short, in the worker's own. A bug in a run is logged with
its ids and told to the run.
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

from app.answering import Row, answering
from app.interrupting import LOOK_EVERY_S, Interrupting
from app.lease import HandedBack, Hold
from app.lease import Ledger as HoldLedger
from infra.lifeline import die_with
from infra.process import starting
from jobs import convergence, runner
from jobs.errors import Fault, Interrupted, LeaseLost, Reason
from jobs.events import Released
from jobs.machine import IllegalTransition
from jobs.model import Run
from jobs.ports import Ports

log = structlog.get_logger("slipway.worker")
BUG = "A bug in Slipway interrupted this run; the worker's log names it by the run's id. Report it, then retry."
AGAIN_S = 0.2
"""When somebody who has to leave is told once more, who could not just then."""


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


def errands(work: Work) -> Mapping[str, Callable[[Row], None]]:
    """The functions RQ may call in the worker's own process, by the name that bells carry.

    What one of them opened, read or compiled is there for the next. They hold nothing but a row for a minute: one that dies with
    its worker is taken up again.
    """
    return answering({"intake": work.intake, "relay": work.relay}, work.account)


class Horse:
    """Answers the bells of runs. Made in the worker's process, used in the work-horses it forks.

    A run in hand when the worker is told to leave is handed back at its next phase boundary, and after `grace_s` seconds
    wherever it is. Whether it is to be over is looked up every `look_s` seconds.
    """

    def __init__(self, work: Work, queue: str, grace_s: float, *, look_s: float = LOOK_EVERY_S) -> None:
        self._work, self._queue, self._grace_s, self._look_s = work, queue, grace_s, look_s
        self._worker = os.getpid()
        self._asked_to_leave = False
        self._walking = False

    @property
    def functions(self) -> Mapping[str, Callable[[Row], None]]:
        """The functions RQ may call in a work-horse, by the name that bells carry."""
        return answering({"advance": self._leavable(self.advance)}, self._work.account)

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
        hold = Hold(work.ledger, run, work.ports.clock, told=tell, leaving=lambda: self._asked_to_leave)
        with hold, Interrupting(hold, lambda: runner.over(hold.run, work.ports), every_s=self._look_s):
            try:
                self._interruptibly(run, replace(work.ports, ledger=hold))
            except (HandedBack, Interrupted):
                self._hand_back(hold)
            except LeaseLost:
                log.warning("another worker owns the run now")
            except Fault:
                raise
            except Exception:  # a bug of ours may not leave the run without a word
                log.exception("a bug")
                self._tell_bug(hold)
        return hold.run

    def _interruptibly(self, run: Run, ports: Ports) -> None:
        """Only here whoever has to leave is told in the middle: a claim that is interrupted would be nobody's to give back."""
        self._walking = True
        try:
            runner.walk(run, ports)
        finally:
            self._walking = False

    def _hand_back(self, hold: Hold) -> None:
        """What was interrupted is over, or another's to go on with; it may have come to its end in that very moment."""
        if not hold.held:
            return
        try:
            hold.store(hold.run, runner.over(hold.run, self._work.ports) or Released())
        except LeaseLost:
            log.warning("another worker owns the run now")

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

    def _leavable(self, function: Callable[[Row], None]) -> Callable[[Row], None]:
        """The function in a process of its own, which hears when it is told to leave."""

        def answer(row: Row) -> None:
            signal.signal(signal.SIGTERM, self._leave)
            signal.signal(signal.SIGALRM, self._leave_now)
            try:
                function(row)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

        return answer

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_leave = True
        signal.setitimer(signal.ITIMER_REAL, self._grace_s, AGAIN_S)

    def _leave_now(self, number: int, frame: FrameType | None) -> None:
        if self._walking and not starting(frame):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise HandedBack
