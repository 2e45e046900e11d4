"""Keeps processes running: starts them, starts them again when they die, and ends them all when it is told to.

Children are forked, so that what was loaded and bound before is theirs too; they die with the supervisor, however it ends.
"""

import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType, TracebackType

import structlog

from infra.lifeline import bury, die_with, disturbed, take_in, undisturbed
from jobs.errors import Fault, UserError
from jobs.ports import Clock

log = structlog.get_logger("slipway.supervisor")
FORK = multiprocessing.get_context("fork")
REFUSED = 78
"""The exit code of a child that may not start with what it was given: starting it again would change nothing."""
FIRST_S, MOST_S, STEADY_S = 0.2, 30.0, 5.0
"""Wait before a restart, doubled each time up to the most; a child that lived for a while starts from the first again.

What cannot start ends within a second or two. One that has worked for some seconds was killed, or met something rare: it is missed."""
TEND_EVERY_S = 1.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep: its name in the log, and what it does until SIGTERM."""

    name: str
    run: Callable[[], None]


@dataclass
class Seat:
    """A child's place: the process in it, if any, and when the next may be started."""

    child: Child
    process: ForkProcess | None = None
    started: float = 0.0
    falls: int = 0
    due: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether a process is in it."""
        return self.process is not None and self.process.is_alive()


@dataclass
class Supervisor:
    """Runs children until SIGTERM or Ctrl-C, which let them finish for `grace_s` seconds; a second one does not.

    `tend` is called about once a second with the names and pids that live; a fault it raises is logged. What a child that was killed had
    started and left is killed too; `is_spared` says of a process that it is ours without being a child kept here.
    """

    children: Sequence[Child]
    clock: Clock
    grace_s: float
    tend: Callable[[Mapping[str, int]], None] = lambda living: None
    is_spared: Callable[[int], bool] = lambda pid: False
    _seats: list[Seat] = field(default_factory=list)
    _asked: int = 0

    def run(self) -> int:
        """Until told to end, or a child refused to start (then 1)."""
        take_in()
        self._seats = [Seat(child) for child in self.children]
        with self._signals() as bell:
            try:
                refused = self._keep(bell)
                self._drain(bell)
            finally:
                self._kill()
            self._tend()
        return 1 if refused else 0

    def _keep(self, bell: socket.socket) -> bool:
        while not self._asked:
            now = self.clock.monotonic()
            for seat in self._seats:
                if not seat.alive and self._is_refused(seat, now):
                    return True
                if not seat.alive and now >= seat.due:
                    self._start(seat, now)
            self._tend()
            _wait(bell, self._alive(), TEND_EVERY_S)
        return False

    def _is_refused(self, seat: Seat, now: float) -> bool:
        """What the end of a seat's process means; it is told once."""
        if seat.process is None:
            return False
        code, lived = seat.process.exitcode, now - seat.started
        seat.process.close()
        seat.process = None
        kept = {other.process.pid for other in self._seats if other.process}
        bury(lambda pid: pid in kept or self.is_spared(pid))
        if code == REFUSED:
            return True
        seat.falls = 1 if lived >= STEADY_S else seat.falls + 1
        seat.due = now + min(MOST_S, FIRST_S * 2.0 ** (seat.falls - 1))
        log.warning("a process ended and is started again", child=seat.child.name, code=code, lived_s=round(lived, 1))
        return False

    def _start(self, seat: Seat, now: float) -> None:
        seat.process = FORK.Process(target=_live, args=(seat.child, os.getpid()), name=f"slipway-{seat.child.name}")
        with undisturbed(SIGNALS):  # a newborn that still has our own ears would hear nothing, and be waited for
            seat.process.start()
        seat.started = now

    def _tend(self) -> None:
        try:
            self.tend({seat.child.name: seat.process.pid for seat in self._seats if seat.process and seat.process.pid})
        except (UserError, Fault) as error:
            log.error("something could not be looked after", text=str(error))

    def _drain(self, bell: socket.socket) -> None:
        """Ask everybody to leave and wait, as long as the grace is and nobody asks again."""
        until, asked = self.clock.monotonic() + self.grace_s, self._asked
        for process in self._alive():
            process.terminate()
        while (alive := self._alive()) and self._asked <= max(asked, 1) and (left := until - self.clock.monotonic()) > 0:
            _wait(bell, alive, left)

    def _kill(self) -> None:
        for process in self._alive():
            log.warning("a process did not leave in time and is killed", child=process.name)
            process.kill()
        for seat in self._seats:
            if seat.process is not None:
                seat.process.join()
                seat.process.close()
                seat.process = None

    def _alive(self) -> list[ForkProcess]:
        return [seat.process for seat in self._seats if seat.process is not None and seat.process.is_alive()]

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        ear, mouth = socket.socketpair()
        mouth.setblocking(False)
        old_mouth = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        old = {number: signal.signal(number, self._heard) for number in SIGNALS}
        try:
            with ear, mouth:
                yield ear
        finally:
            signal.set_wakeup_fd(old_mouth)
            for number, handler in old.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1


def _wait(bell: socket.socket, processes: Sequence[ForkProcess], most_s: float) -> None:
    """Until one of the processes has ended, a signal comes or the time is up."""
    if bell in wait([*(process.sentinel for process in processes), bell], most_s):
        bell.recv(256)


def _live(child: Child, supervisor: int) -> None:
    """The life of a child process."""
    die_with(supervisor)
    os.setpgid(0, 0)  # Ctrl-C is for the supervisor, which then asks everybody in its own way
    signal.set_wakeup_fd(-1)
    disturbed(SIGNALS)
    with structlog.contextvars.bound_contextvars(child=child.name), _LastWord():
        child.run()


class _LastWord:
    """What ends a child is logged in our way, and not printed with whatever it carries."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, UserError | Fault):
            log.error("cannot start", text=str(error))
            code = REFUSED if isinstance(error, UserError) else 1
        elif isinstance(error, Exception):
            log.critical("a bug ended this process", exc_info=error)
            code = 1
        else:
            return
        logging.shutdown()
        os._exit(code)
