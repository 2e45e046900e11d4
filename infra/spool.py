"""Output of a process, kept whole on disk once it is large, so that memory stays bounded whatever is printed."""

import os
import re
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock

from jobs.evidence import Output

IN_MEMORY = 256 * 1024
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Spool:
    """Bytes in the order they came: in memory while small, else in a nameless file. Written by one thread, read by any."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._memory = bytearray()
        self._file: int | None = None
        self._lock = Lock()
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add `data`; what goes over `most` is counted and not kept."""
        with self._lock:
            room = self._most - self.size
            if room > 0:
                self._keep(data[:room])
            self.size += len(data)

    @property
    def kept(self) -> int:
        """How many bytes can be read back."""
        return min(self.size, self._most)

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` of the kept bytes from `start`."""
        with self._lock:
            if self._file is None:
                return bytes(self._memory[start : start + count])
            return os.pread(self._file, max(0, min(count, self.kept - start)), start)

    def _keep(self, data: bytes) -> None:
        if self._file is None:
            self._memory += data
            if len(self._memory) > IN_MEMORY:
                self._file = _nameless(self)
                data, self._memory = bytes(self._memory), bytearray()
        if self._file is not None:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]


def _nameless(owner: object) -> int:
    """A file without a name, closed when `owner` is gone: nothing is left behind by a crash."""
    with tempfile.TemporaryFile() as file:
        descriptor = os.dup(file.fileno())
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


@dataclass(frozen=True, slots=True)
class Raw:
    """A captured stream: first and last characters as text, the size of all of it, and the kept bytes behind it."""

    head: str
    tail: str
    size: int
    truncated: bool
    spool: Spool

    @property
    def data(self) -> bytes:
        """Everything that was kept; less than `size` when `truncated`."""
        return self.spool.read(0, self.spool.kept)

    @property
    def text(self) -> str:
        """Everything that was kept, as text."""
        return self.data.decode(errors="replace")

    def masked(self, mask: Callable[[str], str]) -> "Raw":
        """The stream with `mask` applied to all that was kept of it, its ends included."""
        text = mask(self.text)
        data = text.encode(errors="replace")
        spool = Spool(len(data))
        spool.append(data)
        tail = text[-len(self.tail) :] if self.tail else ""
        return Raw(text[: len(self.head)], tail, self.size, self.truncated, spool)

    def output(self, artifact: str | None = None) -> Output:
        """The stream as evidence, without terminal control sequences."""
        return Output(_plain(self.head), _plain(self.tail), self.size, self.truncated, artifact)


class Ends:
    """The first `head` and last `tail` bytes of a stream that passes by; of a short one, all of it is head."""

    def __init__(self, head: int, tail: int) -> None:
        self._head, self._tail, self._size = head, tail, 0
        self._first, self._last = bytearray(), b""

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces as they are."""
        for piece in pieces:
            self._size += len(piece)
            room = self._head + self._tail - len(self._first)
            if room > 0:
                self._first += piece[:room]
            self._last = (self._last + piece[-self._tail :])[-self._tail :]
            yield piece

    def output(self, size: int, *, truncated: bool, artifact: str) -> Output:
        """What passed, as evidence of a stream of `size` bytes, without terminal control sequences."""
        if self._size <= self._head + self._tail:
            return Output(_plain(self._first.decode(errors="replace")), "", size, truncated, artifact)
        head, tail = bytes(self._first[: self._head]), self._last
        return Output(_plain(head.decode(errors="replace")), _plain(tail.decode(errors="replace")), size, truncated, artifact)


def captured(spool: Spool, head: int, tail: int) -> Raw:
    """What `spool` holds, as head and tail of those many bytes; a short stream is all head."""
    truncated = spool.size > spool.kept
    if spool.kept <= head + tail:
        return Raw(spool.read(0, spool.kept).decode(errors="replace"), "", spool.size, truncated, spool)
    first = spool.read(0, head).decode(errors="replace")
    last = spool.read(spool.kept - tail, tail).decode(errors="replace")
    return Raw(first, last, spool.size, truncated, spool)


def _plain(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n"))
