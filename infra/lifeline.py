"""Ties a process to the one that started it: when the parent is gone, so is the child, whatever it was doing, and what it had started."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from infra.clock import SystemClock

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY_S = 0.5


def die_with(parent: int) -> None:
    """From now on this process is killed as soon as `parent`, its parent, has ended; at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()
    _check(parent)  # it may have ended before the kernel was told


@contextlib.contextmanager
def undisturbed(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Whatever of these signals comes meanwhile is heard afterwards. A process that is forked meanwhile hears them after `disturbed`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def disturbed(numbers: Iterable[signal.Signals]) -> None:
    """In a newborn process, once it is ready for that: these signals do what they always do, also those that have come by now."""
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def take_in() -> None:
    """From now on whatever loses its parent below this process is a child of this one, to be buried by it (only where there is Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(is_spared: Callable[[int], bool] = lambda pid: False) -> list[int]:
    """Kill and reap every child of this process but those that are spared, and what becomes its child by that; their process ids."""
    buried: list[int] = []
    while left := [pid for pid in _children() if not is_spared(pid)]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        buried += left
    return buried


def _children() -> list[int]:
    me, found = os.getpid(), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((process / "stat").read_bytes().rpartition(b")")[2].split()[1]) == me:
                found.append(int(process.name))
    return found


def _watch(parent: int) -> None:
    while True:
        SystemClock().sleep(LOOK_EVERY_S)
        _check(parent)


def _check(parent: int) -> None:
    if os.getppid() != parent:
        end_at_once()


def end_at_once() -> None:
    """Kill this process: nothing it holds, and nothing it was about to write, goes any further."""
    os.kill(os.getpid(), signal.SIGKILL)
