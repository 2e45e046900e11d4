"""Sends callbacks, each receiver in a lane of its own: one that is slow or dead delays nobody else."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from app.storms import STORMS, Storm, told
from infra.store.outbox import Lane
from jobs.ports import Clock

log = structlog.get_logger("slipway.callbacks")
MOST = 128
MOST_FAILING = MOST // 2
"""How many lanes receivers may take that failed last: the others are for those that answer, however many are dead."""
TURN = 20
"""Callbacks one receiver gets before another may have its lane."""
IDLE_S, BUSY_S = 0.5, 0.05
"""Until the next look: with nothing under way, and with something."""
ASIDE_S = 10.0
"""How long a receiver is left alone after its lane broke: what broke it is seldom over at once, and others have room meanwhile."""


class Outbox(Protocol):
    """Callbacks that wait to be sent."""

    def lanes(self, limit: int = ...) -> Sequence[Lane]:
        """The receivers that something may go to now."""
        ...

    def next_for(self, url: str) -> str | None:
        """The callback that is next for a receiver."""
        ...


@dataclass
class Lanes:
    """The lanes of one process. Any number of processes may run: a callback is claimed before it is sent.

    `send` tries one callback by its id. Not thread-safe: one thread calls `fill` and `close`.
    """

    outbox: Outbox
    send: Callable[[str], None]
    clock: Clock
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MOST, "lane"))
    _taken: dict[Lane, Future[bool]] = field(default_factory=dict)
    _aside: dict[str, float] = field(default_factory=dict)
    _storm: Storm = field(default_factory=lambda: Storm(log, "callbacks"))
    _leaving: bool = False

    def fill(self) -> float:
        """Give a lane to every receiver that has something due and none yet; the seconds until it is worth another look.

        Nothing the store does ends this: it is said what is wrong, and looked again, later each time.
        """
        self._clear()
        try:
            for lane in self.outbox.lanes(MOST + len(self._taken) + len(self._aside)):
                if self._has_room(lane):
                    self._taken[lane] = self._pool.submit(self._drive, lane.url)
        except STORMS as error:
            return self._storm.met(error)
        self._storm.over()
        return BUSY_S if self._taken else IDLE_S

    def close(self) -> None:
        """Begin nothing more, and wait for what is on its way."""
        self._leaving = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _clear(self) -> None:
        """Lanes that are done are free; a receiver whose lane broke is set aside for a while."""
        now = self.clock.monotonic()
        done = {lane: future for lane, future in self._taken.items() if future.done()}
        self._taken = {lane: future for lane, future in self._taken.items() if lane not in done}
        self._aside = {url: until for url, until in self._aside.items() if until > now}
        self._aside |= {lane.url: now + ASIDE_S for lane, future in done.items() if not future.result()}

    def _has_room(self, lane: Lane) -> bool:
        if lane.url in self._aside or lane.url in {taken.url for taken in self._taken} or len(self._taken) >= MOST:
            return False
        return not lane.failing or sum(taken.failing for taken in self._taken) < MOST_FAILING

    def _drive(self, url: str) -> bool:
        """What is due for one receiver, one after the other; whether nothing broke. What is not done stays due."""
        row: str | None = None
        try:
            for _ in range(TURN):
                row = None if self._leaving else self.outbox.next_for(url)
                if row is None:
                    break
                self.send(row)
        except STORMS as error:
            log.warning("a callback waits", callback=row, error=type(error).__name__, text=told(error))
        except Exception:  # a bug with one receiver is not the others' trouble
            log.exception("a bug", callback=row)
        else:
            return True
        return False
