"""What a program printed, as evidence: secrets masked, head and tail in the row, everything in an artifact."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from jobs.evidence import Output
from jobs.ports import Artifacts

CHUNK = 1 << 20
HEAD, TAIL = 8_000, 24_000
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class Outputs:
    """Keeps captured streams."""

    def __init__(self, artifacts: Artifacts, redactor: Redactor) -> None:
        self._artifacts = artifacts
        self._redactor = redactor

    def keep(self, run_id: str, name: str, *streams: Raw) -> Output:
        """The streams, one after the other, as evidence; kept whole (as far as they were captured) as the artifact `name`.

        Nothing is kept of empty ones.
        """
        size, truncated = sum(raw.size for raw in streams), any(raw.truncated for raw in streams)
        if size == 0:
            return Output()
        masked = self._masked(streams)
        name = _UNFIT.sub("-", name)
        self._artifacts.put(run_id, name, masked.read(0, masked.kept), truncated=truncated)
        return replace(captured(masked, HEAD, TAIL).output(name), size=size, truncated=truncated)

    def write(self, run_id: str, name: str, text: str) -> None:
        """Keep a text of ours as the artifact `name`, with its secrets masked."""
        self._artifacts.put(run_id, _UNFIT.sub("-", name), self._redactor.text(text).encode(errors="replace"))

    def text(self, text: str) -> str:
        """`text` with its secrets masked."""
        return self._redactor.text(text)

    def _masked(self, streams: Sequence[Raw]) -> Spool:
        """Masked as a whole before it is cut: half a secret would not be known for one."""
        spool = Spool(2 * sum(raw.spool.kept for raw in streams) + CHUNK)
        for raw in streams:
            for piece in self._redactor.stream(_pieces(raw.spool)):
                spool.append(piece)
        return spool


def lines_of(raw: Raw) -> Iterator[str]:
    """The lines of a captured stream, without holding all of it as text."""
    rest = b""
    for piece in _pieces(raw.spool):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


def _pieces(spool: Spool) -> Iterator[bytes]:
    for start in range(0, spool.kept, CHUNK):
        yield spool.read(start, CHUNK)
