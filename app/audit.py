"""The audit log of the webhook: one line for each request, refused ones too. No line holds a signature or a secret.

As JSON the lines of one turn of the event loop are written together: at thousands a second, a line at a time would cost more
than the request it tells of.
"""

import asyncio
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec
import structlog

from jobs.ports import Clock

MOST_LINES = 256
"""How many lines are kept for one write; each is bounded by what GitHub may send in a header."""


class Line(msgspec.Struct):
    """What became of one request, and what was known of it by then."""

    delivery: str | None
    github_event: str | None
    action: str | None
    repository: str | None
    actor: str | None
    remote: str | None
    status: int
    verdict: str
    why: str | None
    event: str = "webhook"
    logger: str = "slipway.webhook"
    level: str = "info"
    timestamp: str = ""


class JsonAudit:
    """JSON lines onto a stream: those of a turn of the loop at once, and never more than `MOST_LINES`. To be used from one event loop."""

    def __init__(self, stream: BinaryIO, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._encoder = msgspec.json.Encoder()
        self._lines: list[Line] = []

    def note(self, line: Line) -> None:
        """Write the line before the loop's next turn ends."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(line)
        if len(self._lines) >= MOST_LINES:
            self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        now = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        for line in lines:
            line.timestamp = now
        self._stream.write(self._encoder.encode_lines(lines))
        self._stream.flush()


class SharedAudit:
    """Lines by the way all others of the process take."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("slipway.webhook")

    def note(self, line: Line) -> None:
        """Write the line."""
        told = {name: getattr(line, name) for name in Line.__struct_fields__[:9]}
        self._log.info(line.event, **told)
