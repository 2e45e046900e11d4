"""Somebody on this machine who kills the sandbox that a test has started."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 30.0


def sandboxes() -> list[int]:
    """The sandbox programs that this process has started."""
    own = f"\nPPid:\t{os.getpid()}\n"
    return [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/status") if (said := _read(path)) and own in said and "bwrap" in said
    ]


@contextmanager
def killed_when(root: Path, sign: str) -> Iterator[None]:
    """Once there is a file of that pattern below `root`, every sandbox of this process is killed with a signal nobody can catch."""
    killer = threading.Thread(target=_kill, args=(root, sign))
    killer.start()
    yield
    killer.join()


def _kill(root: Path, sign: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not _seen(root, sign) and time.monotonic() < until:
        time.sleep(0.02)
    for pid in sandboxes():
        os.kill(pid, signal.SIGKILL)


def _seen(root: Path, sign: str) -> bool:
    """Directories may go while they are looked into."""
    try:
        return any(root.glob(sign))
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
