"""Ties a process to the one that started it: when the parent is gone, so is the child, whatever it was doing."""

import ctypes
import os
import signal
import sys
import threading

from infra.clock import SystemClock

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.5


def die_with(parent: int) -> None:
    """From now on this process is killed as soon as `parent`, its parent, has ended; at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()
    _check(parent)  # it may have ended before the kernel was told


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
