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
FIRST, LAST = 500 * 1000, 1500 * 1000
"""Bytes that are kept of a stream of which only the ends are."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Spool:
    """Bytes in the order they came: in memory while small, else in a nameless file. Written by one thread, read by any.

    Of more than `most` only the first are kept, or with `ends` the first and the last: what is read is what `parts` names.
    """

    def __init__(self, most: int, *, ends: bool = False) -> None:
        self._most = most
        self._turns_at = max(most - LAST, most // 4) if ends else most
        self._memory = bytearray()
        self._file: int | None = None
        self._lock = Lock()
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add `data`; all of it is counted, whatever is kept."""
        with self._lock:
            view = memoryview(data)
            while view and (room := self._room()):
                self._keep(view[:room])
                self.size += len(view[:room])
                view = view[room:]
            self.size += len(view)

    @property
    def parts(self) -> tuple[range, ...]:
        """The places that can be read back, in order."""
        return self._parts(self.size)

    @property
    def kept(self) -> int:
        """How many bytes can be read back."""
        return sum(map(len, self.parts))

    @property
    def end(self) -> int:
        """The place after the last byte that can be read back."""
        return self.parts[-1].stop

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` of the bytes from `start`: as many as lie in that part."""
        with self._lock:
            part = next((part for part in self._parts(self.size) if start in part), range(0))
            count = min(count, part.stop - start)
            if self._file is None:
                return bytes(self._memory[start : start + count])
            pieces = list[bytes]()
            while count > 0:
                pieces.append(os.pread(self._file, min(count, self._most - self._place(start)), self._place(start)))
                start, count = start + len(pieces[-1]), count - len(pieces[-1])
            return b"".join(pieces)

    @property
    def _turning(self) -> int:
        """How many bytes at the end of the file are written again and again."""
        return self._most - self._turns_at

    def _parts(self, size: int) -> tuple[range, ...]:
        if size <= self._most:
            return (range(size),)
        return (range(min(FIRST, self._turns_at)), range(size - self._turning, size)) if self._turning else (range(self._most),)

    def _place(self, at: int) -> int:
        """Where in the file the byte at a place of the stream is."""
        return at if at < self._most else self._turns_at + (at - self._turns_at) % self._turning

    def _room(self) -> int:
        """How much can be written at once where the stream has come to."""
        return self._most - self._place(self.size) if self.size < self._most or self._turning else 0

    def _keep(self, data: memoryview) -> None:
        if self._file is None and self.size + len(data) > min(IN_MEMORY, self._most):
            self._file, kept, self._memory = _nameless(self), self._memory, bytearray()
            _write(self._file, memoryview(kept), 0)
        if self._file is None:
            self._memory += data
        else:
            _write(self._file, data, self._place(self.size))


def _write(file: int, data: memoryview, place: int) -> None:
    while data:
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written


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
        return b"".join(self.spool.read(part.start, len(part)) for part in self.spool.parts)

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
    truncated, end = spool.size > spool.kept, spool.parts[-1]
    if len(end) == spool.kept <= head + tail:
        return Raw(spool.read(0, len(end)).decode(errors="replace"), "", spool.size, truncated, spool)
    first = spool.read(0, head).decode(errors="replace")
    last = spool.read(max(end.start, end.stop - tail), tail).decode(errors="replace")
    return Raw(first, last, spool.size, truncated, spool)


def _plain(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n"))
