"""What a program printed, as evidence: secrets masked, head and tail in the row, everything in an artifact. Memory stays bounded."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

from infra.redact import Redactor
from infra.spool import Ends, Raw, Spool
from jobs.evidence import Output

CHUNK = 1 << 20
EDGE = 1 << 16
"""Bytes in which a line's end is looked for where a stream was cut."""
MOST_LINE = 1 << 20
"""Bytes of a line that are read back. An event of an agent that is longer is none that anything depends on."""
HEAD, TAIL = 8_000, 24_000
WHOLE = 32 * 1000**2
"""Bytes of a stream that are kept whole. Of a longer one only the ends are: to mask the rest takes longer than to print it."""
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class Shelf(Protocol):
    """Where artifacts are kept, piece by piece."""

    def keep(self, run_id: str, name: str, pieces: Iterable[bytes], *, truncated: bool = False) -> str:
        """Keep the pieces as one artifact `name` of the run, replacing an earlier one; returns the name."""
        ...


class Outputs:
    """Keeps captured streams."""

    def __init__(self, artifacts: Shelf, redactor: Redactor) -> None:
        self._artifacts = artifacts
        self._redactor = redactor

    def keep(self, run_id: str, name: str, *streams: Raw) -> Output:
        """The streams, one after the other, as evidence; kept whole (as far as they were captured) as the artifact `name`.

        Nothing is kept of empty ones.
        """
        size, truncated = sum(raw.size for raw in streams), any(raw.truncated for raw in streams)
        if size == 0:
            return Output()
        name, ends = _UNFIT.sub("-", name), Ends(HEAD, TAIL)
        masked = (piece for raw in streams for piece in self._redactor.stream(_pieces(raw.spool)))
        self._artifacts.keep(run_id, name, ends.passing(masked), truncated=truncated)
        return ends.output(size, truncated=truncated, artifact=name)

    def write(self, run_id: str, name: str, text: str) -> None:
        """Keep a text of ours as the artifact `name`, with its secrets masked."""
        self._artifacts.keep(run_id, _UNFIT.sub("-", name), [self._redactor.text(text).encode(errors="replace")])

    def pour(self, run_id: str, name: str, lines: Iterable[str]) -> None:
        """Keep lines whose secrets are masked already as the artifact `name`."""
        self._artifacts.keep(run_id, _UNFIT.sub("-", name), (f"{line}\n".encode(errors="replace") for line in lines))

    def text(self, text: str) -> str:
        """`text` with its secrets masked."""
        return self._redactor.text(text)


def lines_of(raw: Raw) -> Iterator[str]:
    """The lines of a captured stream, each cut at `MOST_LINE`, without holding all of it."""
    line = bytearray()
    for piece in _pieces(raw.spool):
        *whole, rest = piece.split(b"\n")
        for part in whole:
            yield (line + part)[:MOST_LINE].decode(errors="replace")
            line.clear()
        line += rest[: MOST_LINE - len(line)]
    if line:
        yield line.decode(errors="replace")


def _pieces(spool: Spool) -> Iterator[bytes]:
    """What is kept, with a line in the place of what is not."""
    at, parts = 0, spool.parts
    for part in map(partial(_in_lines, spool), parts) if len(parts) > 1 else parts:
        if part.start > at:
            yield f"\n[{part.start - at:,} bytes are not kept]\n".encode()
        for start in range(part.start, part.stop, CHUNK):
            yield spool.read(start, min(CHUNK, part.stop - start))
        at = part.stop


def _in_lines(spool: Spool, part: range) -> range:
    """The part without the lines that are cut by its edges, where it has an edge: half a secret would not be known for one."""
    if part.start > 0:
        return range(part.start + spool.read(part.start, EDGE).find(b"\n") + 1, part.stop)
    edge = max(0, part.stop - EDGE)
    ended = spool.read(edge, EDGE).rfind(b"\n")
    return range(part.stop if ended < 0 else edge + ended + 1)
