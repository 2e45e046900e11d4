"""Ends a phase in the middle, once its run is to be over and it does not end by itself: a fetch, a push or a call that hangs."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Protocol, Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infra.process import starting
from jobs.errors import Fault, Interrupted
from jobs.events import Cancelled, Event

log = structlog.get_logger("slipway.interrupting")
LOOK_EVERY_S = 1.0
PATIENCE = {True: 4, False: 10}
"""How many looks a phase has to end by itself: one that somebody stopped, and one whose time is up, which has evidence to gather."""
AGAIN = 10
"""How many looks what was interrupted has to clean up before it is interrupted once more."""
SIGNAL = signal.SIGUSR1


class Held(Protocol):
    """What is interrupted."""

    @property
    def open(self) -> bool:
        """Whether it is in the middle of a phase, and not about to store what came of it."""
        ...


class Interrupting:
    """Raises Interrupted in the main thread for the time of a `with` block there; in any other thread it does nothing.

    `over` says what is to end the run, and is asked from a thread. It is as bad for a phase as to be killed, and no worse: everything
    that a phase does can be found or done again.
    """

    def __init__(self, held: Held, over: Callable[[], Event | None], *, every_s: float = LOOK_EVERY_S) -> None:
        self._held, self._over, self._every_s = held, over, every_s
        self._done = threading.Event()
        self._raised = False
        self._thread = threading.Thread(target=self._watch, name="interrupting", daemon=True)
        self._able = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._able:
            self._before = signal.signal(SIGNAL, self._heard)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._able:
            self._thread.join()
            signal.signal(SIGNAL, self._before)

    def _watch(self) -> None:
        looks = 0
        while not self._done.wait(self._every_s):
            event = self._told()
            looks = looks + 1 if event else 0
            if self._raised:
                looks, self._raised = -AGAIN, False
            if event and looks > PATIENCE[isinstance(event, Cancelled)]:
                log.warning("a phase is ended in the middle", by=type(event).__name__)
                signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _told(self) -> Event | None:
        try:
            return self._over()
        except (Fault, SQLAlchemyError) as error:
            log.warning("nobody can say whether the run is to go on", error=type(error).__name__)
            return None

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._held.open and not self._done.is_set() and not starting(frame):
            self._raised = True
            raise Interrupted
