"""Whether anything happened, and to which runs: looked up once for all who listen in a process, however many they are.

Nothing is handed over: whoever listens reads what is new for them by their own mark, so nothing is missed or told twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from starlette.concurrency import run_in_threadpool

LOOK_S, STEP_S = 0.4, 0.2
"""How old a look may be, and how often a listener asks for one."""
CALM_S = 5.0
"""How long a listener goes without reading for itself: an event committed after one with a larger number is noticed by no look."""
KEPT = 60
"""For how many looks it is known what happened to which run: longer than anybody goes without reading."""


@dataclass(frozen=True, slots=True)
class News:
    """The newest event, line of an agent and webhook by their numbers, and the runs of the events and lines since the last look."""

    event: int
    line: int
    webhook: int
    runs: frozenset[str] = frozenset()


class Looks(Protocol):
    """Where news are looked up."""

    def latest(self, event: int, line: int) -> tuple[int, int, int, frozenset[str]]:
        """What makes the `News` after an event and a line; no runs where these are negative."""
        ...


@dataclass
class Watch:
    """For the one event loop of a process. `clock` never jumps."""

    looks: Looks
    clock: Callable[[], float]
    newest: News = News(-1, -1, -1)
    turn: int = 0
    """Counts the looks: what was stored before this one is there for whoever reads now."""
    _at: float = float("-inf")
    _last: dict[str, int] = field(default_factory=dict)
    _one: anyio.Lock = field(default_factory=anyio.Lock)

    async def look(self) -> News:
        """The newest news; looked up by whoever asks first after a while, and the same for all others."""
        async with self._one:
            if self.clock() - self._at >= LOOK_S:
                await self._looked()
            return self.newest

    async def happened(self, run_id: str, turn: int, closing: anyio.Event) -> None:
        """Wait until something happened to the run after that look, or long enough to read without being told, or the server closes."""
        until = self.clock() + CALM_S
        while not closing.is_set() and self._last.get(run_id, 0) <= turn and self.clock() < until:
            await pause(closing, STEP_S)
            await self.look()

    async def _looked(self) -> None:
        known = self.newest if self.clock() - self._at < CALM_S else News(-1, -1, -1)  # nobody has listened: nobody has missed anything
        found = News(*await run_in_threadpool(self.looks.latest, known.event, known.line))
        self.newest, self._at, self.turn = found, self.clock(), self.turn + 1
        recent = {run_id: turn for run_id, turn in self._last.items() if turn > self.turn - KEPT}
        self._last = recent | dict.fromkeys(found.runs, self.turn)


async def pause(closing: anyio.Event, seconds: float) -> None:
    """Wait so long, or until the server closes."""
    with anyio.move_on_after(seconds):
        await closing.wait()
