"""Watches a program that was started: reads what it prints, feeds it, and ends it where it goes over its bounds."""

import contextlib
import fcntl
import os
import selectors
import signal
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import IO, Protocol

from infra.spool import Raw, Spool, captured
from jobs.evidence import Ended
from jobs.ports import Clock

CHUNK = 1 << 18
"""Bytes a pipe holds, where the system lets us say so, and that are read at once: who prints a lot is not held up by us."""
GRACE_S = 2.0
"""How long output is still read after the end: a process that left its group may hold the pipe for ever."""


class Child(Protocol):
    """A started program, as `subprocess` gives it."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    @property
    def returncode(self) -> int: ...

    def wait(self) -> int:
        """Reap it."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a program is stopped, and how much of what it printed is kept as head and tail (in bytes, for each stream).

    Over `output_bytes` on both streams together it is killed. A line longer than `line_bytes` is cut. Of a stream longer than
    `whole_bytes` only its ends are kept; without that, all up to `output_bytes` is.
    """

    timeout_s: float
    idle_s: float | None = None
    output_bytes: int = 100 * 1000**2
    keep_head: int = 8_000
    keep_tail: int = 24_000
    line_bytes: int = 1 << 20
    whole_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """A program's end. `exit_code` is None when a signal ended it, ours or another's; `note` says what else is known of it.

    `outside` says what ended it that was neither itself nor a bound of ours; empty where that is not certain.
    """

    ended: Ended
    exit_code: int | None
    stdout: Raw
    stderr: Raw
    duration_s: float
    note: str = ""
    outside: str = ""

    @property
    def ok(self) -> bool:
        """Whether it came to its own end, with 0."""
        return self.ended is Ended.EXIT and self.exit_code == 0


@dataclass
class _Progress:
    """What the watching thread knows so far."""

    started: float
    heard: float
    verdict: Ended | None = None
    gone_at: float | None = None
    open: set[int] = field(default_factory=set)


class Watch(Thread):
    """Reads both streams, feeds standard input and enforces the bounds. It alone signals and reaps the child.

    The child's id stays valid until it is reaped here, so a signal can never hit a stranger.
    """

    def __init__(self, child: Child, stdin: bytes, bounds: Bounds, clock: Clock) -> None:
        super().__init__(name=f"watch-{child.pid}", daemon=True)
        self.child = child
        self.bounds = bounds
        self._clock = clock
        self._out, self._err = _spool(bounds), _spool(bounds)
        self._stdin = memoryview(stdin)
        self._news = Condition()
        self._over = False
        self._stopping = False
        self._wake, self._waker = os.pipe()
        self._pidfd = os.pidfd_open(child.pid)
        now = clock.monotonic()
        self._progress = _Progress(now, now)
        self._duration = 0.0

    def stop(self) -> None:
        """Ask for the end; the thread does the killing."""
        with self._news:
            if not self._over:
                self._stopping = True
                os.write(self._waker, b".")

    def await_end(self) -> None:
        """Until everything is over. Not `join`: interrupted by a signal's exception once, that takes a thread for ended that goes on."""
        with self._news:
            while not self._over:
                self._news.wait()

    def await_output(self, start: int) -> bytes:
        """The next bytes of standard output from `start`; empty at the end."""
        with self._news:
            while self._out.end <= start and not self._over:
                self._news.wait()
        return self._out.read(start, CHUNK)

    def printed(self, since: int, most: int) -> tuple[int, bytes]:
        """Without waiting: how much of standard output there is, and its newest bytes after `since`, at most `most` of them."""
        end = self._out.end
        begin = max(since, end - most)
        return end, self._out.read(begin, end - begin)

    def result(self) -> Captured:
        """What came of it; only after the thread has ended."""
        code = self.child.returncode
        ended = self._progress.verdict or (Ended.EXIT if code >= 0 else Ended.KILLED)
        head, tail = self.bounds.keep_head, self.bounds.keep_tail
        out, err = captured(self._out, head, tail), captured(self._err, head, tail)
        return Captured(ended, code if code >= 0 else None, out, err, self._duration)

    def run(self) -> None:
        """Until the child is gone and its pipes are read."""
        try:
            with selectors.DefaultSelector() as selector:
                self._register(selector)
                while self._wanted():
                    for key, _ in selector.select(self._patience()):
                        self._serve(selector, key)
                    self._judge()
        finally:
            self._finish()

    def _register(self, selector: selectors.BaseSelector) -> None:
        for stream, spool in ((self.child.stdout, self._out), (self.child.stderr, self._err)):
            if stream is not None:
                _widen(stream.fileno())
                selector.register(stream, selectors.EVENT_READ, spool)
                self._progress.open.add(stream.fileno())
        selector.register(self._wake, selectors.EVENT_READ)
        selector.register(self._pidfd, selectors.EVENT_READ)
        if self.child.stdin is not None:
            os.set_blocking(self.child.stdin.fileno(), False)
            selector.register(self.child.stdin, selectors.EVENT_WRITE)

    def _wanted(self) -> bool:
        progress = self._progress
        if progress.gone_at is None:
            return True
        return bool(progress.open) and self._clock.monotonic() < progress.gone_at + GRACE_S

    def _patience(self) -> float:
        """Seconds until the next bound could be reached."""
        progress, bounds = self._progress, self.bounds
        if progress.gone_at is not None:
            due = progress.gone_at + GRACE_S
        elif progress.verdict is not None:
            return GRACE_S
        else:
            due = progress.started + bounds.timeout_s
            if bounds.idle_s is not None:
                due = min(due, progress.heard + bounds.idle_s)
        return max(0.0, due - self._clock.monotonic())

    def _serve(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Spool):
            self._read(selector, key, key.data)
        elif key.events == selectors.EVENT_WRITE:
            self._feed(selector, key)
        elif key.fd == self._pidfd:
            selector.unregister(key.fd)
            self._gone()
        else:
            os.read(key.fd, CHUNK)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, spool: Spool) -> None:
        data = os.read(key.fd, CHUNK)
        if not data:
            selector.unregister(key.fileobj)
            self._progress.open.discard(key.fd)
            return
        self._progress.heard = self._clock.monotonic()
        with self._news:
            spool.append(data)
            self._news.notify_all()

    def _feed(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        """Write some of standard input; close it at the end, or when the child does not want it."""
        try:
            self._stdin = self._stdin[os.write(key.fd, self._stdin[:CHUNK]) :]
        except BrokenPipeError:
            self._stdin = memoryview(b"")
        if not self._stdin:
            selector.unregister(key.fileobj)
            if self.child.stdin is not None:
                self.child.stdin.close()

    def _gone(self) -> None:
        """The child has ended but is not reaped yet: what is left of its group goes now."""
        self._kill()
        self.child.wait()
        self._progress.gone_at = self._clock.monotonic()

    def _judge(self) -> None:
        progress, bounds, now = self._progress, self.bounds, self._clock.monotonic()
        if progress.verdict is not None or progress.gone_at is not None:
            return
        if self._stopping:
            progress.verdict = Ended.STOPPED
        elif self._out.size + self._err.size > bounds.output_bytes:
            progress.verdict = Ended.OUTPUT
        elif now >= progress.started + bounds.timeout_s:
            progress.verdict = Ended.TIMEOUT
        elif bounds.idle_s is not None and now >= progress.heard + bounds.idle_s:
            progress.verdict = Ended.IDLE
        if progress.verdict is not None:
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def _finish(self) -> None:
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()
        self._duration = self._clock.monotonic() - self._progress.started
        with self._news:
            self._over = True
            for descriptor in (self._wake, self._waker, self._pidfd):
                os.close(descriptor)
            self._news.notify_all()


def _spool(bounds: Bounds) -> Spool:
    whole = bounds.whole_bytes
    return Spool(bounds.output_bytes if whole is None else min(whole, bounds.output_bytes), ends=whole is not None)


def _widen(pipe: int) -> None:
    """Refused where this user's pipes take a lot of memory already; then it stays as it is."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, CHUNK)
