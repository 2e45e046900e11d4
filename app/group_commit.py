"""Deliveries that arrive while a commit is in flight share the next one: one transaction, one flush to disk, one bell for all of them."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from infra.store.inbox import Delivery

MOST_ROWS = 128
GATHER_S = 0.002
"""How long a commit waits for company, where the one before it had some."""
MOST_BYTES = 32 * 1024**2
Stored = tuple[int, bool]
Waiting = tuple[Delivery, "asyncio.Future[Stored]"]


class Inbox(Protocol):
    """Where deliveries are kept."""

    def insert(self, rows: Sequence[Delivery]) -> list[Stored]:
        """The id of each row (0: the store will not have it) and whether it is new; durable on return. Raises when in doubt."""
        ...


class Bell(Protocol):
    """Wakes whoever works on rows."""

    def ring_many(self, function: str, rows: Iterable[int]) -> None:
        """Ring for the rows. Returns at once and never raises: a bell that is lost costs time and no row."""
        ...


class GroupCommit:
    """One writer thread in front of the inbox. To be used from one event loop at a time."""

    def __init__(self, inbox: Inbox, bell: Bell) -> None:
        self._inbox = inbox
        self._bell = bell
        self._waiting: list[Waiting] = []
        self._writing: asyncio.AbstractEventLoop | None = None
        self._crowd = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    def insert(self, row: Delivery) -> "asyncio.Future[Stored]":
        """The row's id and whether it is new, once it is durable; or whatever the inbox raised.

        Cancelling it gives up the answer, not the row: that may be stored or not.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Stored] = loop.create_future()
        self._waiting.append((row, answer))
        if self._writing is not loop:
            self._writing = loop
            loop.call_later(GATHER_S if self._crowd else 0, self._write, loop)
        return answer

    def close(self) -> None:
        """Wait for the commit in flight and end the thread."""
        self._thread.shutdown(wait=True)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._next_batch()
        self._writing = loop if batch else None
        self._crowd = len(batch) > 1 or (self._crowd and not batch)
        if not batch:
            return
        commit = self._thread.submit(self._inbox.insert, [row for row, _ in batch])
        commit.add_done_callback(lambda done: loop.is_closed() or loop.call_soon_threadsafe(self._written, loop, batch, done))

    def _next_batch(self) -> list[Waiting]:
        """The rows whose sender still waits, oldest first, up to a transaction's bounds."""
        waiting = [one for one in self._waiting if not one[1].done()]
        count, size = 0, 0
        while count < min(len(waiting), MOST_ROWS) and (not count or size + len(waiting[count][0].body) <= MOST_BYTES):
            size += len(waiting[count][0].body)
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    def _written(self, loop: asyncio.AbstractEventLoop, batch: Sequence[Waiting], commit: "Future[list[Stored]]") -> None:
        self._write(loop)
        error = commit.exception()
        if error is not None:
            for _, answer in batch:
                _fail(answer, error)
            return
        stored = commit.result()
        for (_, answer), one in zip(batch, stored, strict=True):
            if not answer.done():
                answer.set_result(one)
        fresh = [row for row, new in stored if new]
        if fresh:
            self._bell.ring_many("intake", fresh)


def _fail(answer: "asyncio.Future[Stored]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
