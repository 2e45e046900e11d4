"""Starts other programs: the only module that does. Output is bounded, time is bounded, and no tree outlives its root."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from infra.clock import SystemClock
from infra.watching import GRACE_S, Bounds, Captured, Watch
from jobs.ports import Clock

__all__ = ["Bounds", "Captured", "Command", "Detached", "Running", "detach", "run", "start", "starting"]


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start, with its whole environment. `stdin` is written and closed; without it the program reads nothing."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    stdin: bytes = b""
    stdin_from: Path | None = None
    pass_fds: tuple[int, ...] = ()


class Running:
    """A started program. One thread of its own reads and judges it; every method may be called from any thread."""

    def __init__(self, child: "subprocess.Popen[bytes]", command: Command, bounds: Bounds, clock: Clock) -> None:
        self._watch = Watch(child, command.stdin, bounds, clock)
        self._watch.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._watch.await_end()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group and session."""
        return self._watch.child.pid

    def lines(self) -> Iterator[str]:
        """Lines of standard output as they come, without their ends, until the end of the program.

        A slow reader never slows the program down: what was printed is kept on disk meanwhile.
        """
        watch, most = self._watch, self._watch.bounds.line_bytes
        start, line, cut = 0, bytearray(), False
        while chunk := watch.await_output(start):
            start += len(chunk)
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                yield (line + part)[:most].decode(errors="replace").removesuffix("\r")
                line.clear()
            line += rest[: most - len(line)]
            cut = bool(line)
        if cut:
            yield line.decode(errors="replace")

    def printed(self, since: int, most: int) -> tuple[int, bytes]:
        """How much standard output there is by now, and the newest of it after `since`: at most `most` bytes. Never waits."""
        return self._watch.printed(since, most)

    def stop(self) -> None:
        """Kill the whole tree now; `wait` then says STOPPED. Harmless after the end."""
        self._watch.stop()

    def wait(self) -> Captured:
        """The end of the program. If waiting itself is interrupted, the program is killed."""
        try:
            self._watch.await_end()
        finally:
            self._watch.stop()
        return self._watch.result()


def start(command: Command, bounds: Bounds, clock: Clock | None = None) -> Running:
    """Start a program in a session of its own, from the calling thread. Raises OSError when it cannot be started.

    The thread matters: what dies with its parent (bubblewrap's `--die-with-parent`) dies with this *thread*.
    """
    with contextlib.ExitStack() as stack:
        stdin: int = subprocess.DEVNULL
        if command.stdin_from is not None:
            stdin = stack.enter_context(command.stdin_from.open("rb")).fileno()
        elif command.stdin:
            stdin = subprocess.PIPE
        child = subprocess.Popen(
            command.argv,
            env=dict(command.env),
            cwd=command.cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=command.pass_fds,
        )
    return Running(child, command, bounds, clock or SystemClock())


def starting(frame: FrameType | None) -> bool:
    """Whether what is interrupted there is just starting a program. It would be lost then: nobody has it in hand yet."""
    while frame is not None and frame.f_code is not start.__code__:
        frame = frame.f_back
    return frame is not None


def run(command: Command, bounds: Bounds, clock: Clock | None = None) -> Captured:
    """Start a program and wait for its end."""
    with start(command, bounds, clock) as running:
        return running.wait()


class Detached:
    """A program that goes on without this process: a session of its own, no pipes, nobody watching."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def ended(self) -> int | None:
        """The exit code once it has ended, and None before."""
        return self._child.poll()

    def reap(self, timeout_s: float = GRACE_S) -> None:
        """Wait for its end, which should be near; whoever started it owes it that."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout_s)


def detach(command: Command) -> Detached:
    """Start a program that outlives this one; it reads and writes nothing of ours. Raises OSError when it cannot be started."""
    null = subprocess.DEVNULL
    child = subprocess.Popen(
        command.argv,
        env=dict(command.env),
        cwd=command.cwd,
        stdin=null,
        stdout=null,
        stderr=null,
        start_new_session=True,
        pass_fds=command.pass_fds,
    )
    return Detached(child)
