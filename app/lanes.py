"""Sends callbacks, each receiver in a lane of its own: one that is slow or dead delays nobody else."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from infra.store.outbox import Lane
from jobs.errors import Fault

log = structlog.get_logger("slipway.callbacks")
MOST = 128
MOST_FAILING = MOST // 2
"""How many lanes receivers may take that failed last: the others are for those that answer, however many are dead."""
TURN = 20
"""Callbacks one receiver gets before another may have its lane."""
IDLE_S, BUSY_S, REST_S = 0.5, 0.05, 5.0
"""Until the next look: with nothing under way, with something, and after the store did not answer."""


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
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MOST, "lane"))
    _taken: dict[Lane, Future[None]] = field(default_factory=dict)
    _leaving: bool = False

    def fill(self) -> float:
        """Give a lane to every receiver that has something due and none yet; the seconds until it is worth another look."""
        self._taken = {lane: future for lane, future in self._taken.items() if not future.done()}
        try:
            for lane in self.outbox.lanes(MOST + len(self._taken)):
                if self._has_room(lane):
                    self._taken[lane] = self._pool.submit(self._drive, lane.url)
        except Fault as fault:
            log.warning("callbacks wait", reason=fault.reason.code, text=fault.reason.text)
            return REST_S
        return BUSY_S if self._taken else IDLE_S

    def close(self) -> None:
        """Begin nothing more, and wait for what is on its way."""
        self._leaving = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _has_room(self, lane: Lane) -> bool:
        if lane.url in {taken.url for taken in self._taken} or len(self._taken) >= MOST:
            return False
        return not lane.failing or sum(taken.failing for taken in self._taken) < MOST_FAILING

    def _drive(self, url: str) -> None:
        """What is due for one receiver, one after the other. What is not done stays due."""
        row: str | None = None
        try:
            for _ in range(TURN):
                row = None if self._leaving else self.outbox.next_for(url)
                if row is None:
                    return
                self.send(row)
        except Fault as fault:
            log.warning("a callback waits", callback=row, reason=fault.reason.code, text=fault.reason.text)
        except Exception:  # a bug with one receiver is not the others' trouble
            log.exception("a bug", callback=row)
