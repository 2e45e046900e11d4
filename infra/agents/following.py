"""Follows a program while it works: what it prints becomes a few lines for whoever looks on. Bounded in time, memory and writes."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from infra.agents.access import Listeners
from infra.agents.adapter import Adapter
from infra.agents.notes import Note, joined
from infra.outputs import Outputs
from infra.sandbox.confinement import Session
from jobs.errors import Fault
from jobs.evidence import Activity
from jobs.model import Run
from jobs.ports import Clock
from jobs.text import visible

log = structlog.get_logger("slipway.agents")
NEWEST = 256 * 1024
"""Bytes that are looked at in one look; of a program that prints more, the rest is passed over."""
MOST_LINES = 20
"""Lines that are told after one look; the newest, and how many there were besides."""
MOST_TEXT = 300
EVERY_S = 2.0
"""Seconds between two tellings, each of which is one small transaction."""
SHOWN = ("message", "tool", "file", "error")


@dataclass(frozen=True, slots=True)
class Audience:
    """Who listens, and what is kept from them."""

    listeners: Listeners
    outputs: Outputs
    clock: Clock


class Following:
    """One launch being followed: `look` is called now and then by the thread that waits for its end, `end` once at the end."""

    def __init__(self, run: Run, adapter: Adapter, session: Session, audience: Audience) -> None:
        self._run, self._adapter, self._session, self._audience = run, adapter, session, audience
        self._next = 0.0
        self._seen = 0
        self._rest = b""

    def look(self) -> None:
        """Tell what was printed since the last time, unless that was only just now."""
        now = self._audience.clock.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self._tell(list(self._told()))

    def end(self) -> None:
        """Tell the last of it."""
        self._tell(list(self._told()))

    def _tell(self, lines: list[Activity]) -> None:
        """What cannot be kept is logged, and the launch goes on: it is all in the transcript."""
        if not lines:
            return
        try:
            self._audience.listeners.tell(self._run, lines)
        except Fault as fault:
            log.warning("what an agent does cannot be shown", run=self._run.id, reason=fault.reason.text)

    def _told(self) -> Iterator[Activity]:
        notes = joined(note for line in self._lines() for note in self._adapter.notes(line))
        newest, number = deque[Note](maxlen=MOST_LINES), 0
        for note in notes:
            if note.kind in SHOWN:
                newest.append(note)
                number += 1
        if number > len(newest):
            yield Activity("more", f"{number - len(newest)} more")
        for note in newest:
            text = self._shown(note)
            if text:
                yield Activity(note.kind, text)

    def _shown(self, note: Note) -> str:
        """One line. Masked before it is cut: half a secret would not be known for one."""
        text = " ".join(visible(self._audience.outputs.text(f"{note.tool} {note.text}")).split())
        return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"

    def _lines(self) -> Iterator[str]:
        """The whole lines among the newest bytes; the beginning of the next one waits for the next look."""
        since = self._seen
        self._seen, data = self._session.printed(since, NEWEST)
        if self._seen - since > len(data):
            self._rest, data = b"", data.partition(b"\n")[2]
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > NEWEST:
            self._rest = b""
        for line in whole:
            yield line.decode(errors="replace")
