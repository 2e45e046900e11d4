"""The one way a stored run moves: event, advanced run, attempt records and callbacks in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import sqlalchemy as sa

from infra.store import attempts, outages, schema
from infra.store.budget import settle
from infra.store.outbox import enclose
from infra.store.values import plain, run_of, run_row
from infra.store.work import now
from jobs import fold
from jobs.errors import LeaseLost, Reason
from jobs.events import Cancelled, Event
from jobs.model import FINAL, HELD, Run


class Message(Protocol):
    """A callback to be sent: `id` is its `webhook-id`, the same bytes go out on every try."""

    @property
    def id(self) -> str:
        """The id, unique among all callbacks."""
        ...

    @property
    def type(self) -> str:
        """What it tells, like `run.succeeded`."""
        ...

    @property
    def url(self) -> str:
        """Who is told."""
        ...

    @property
    def body(self) -> bytes:
        """What is said."""
        ...


class Messages(Protocol):
    """Says which callbacks an event asks for. Pure."""

    def __call__(self, run: Run, event: Event, at: float) -> Sequence[Message]:
        """The callbacks for `event`, after which `run` stands as it does."""
        ...


def silence(run: Run, event: Event, at: float) -> Sequence[Message]:
    """Nobody is told anything."""
    return ()


def time_of(connection: sa.Connection) -> float:
    """The database's clock."""
    return float(connection.scalar(sa.select(now())) or 0.0)


def locked(connection: sa.Connection, run_id: str, *where: sa.ColumnElement[bool]) -> Run | None:
    """The run as it stands, its row locked until the end of the transaction; None when `where` does not hold."""
    row = connection.execute(sa.select(schema.run).where(schema.run.c.id == run_id, *where).with_for_update()).one_or_none()
    return run_of(row) if row else None


def fence(run: Run, margin_s: float = 0.0) -> tuple[sa.ColumnElement[bool], ...]:
    """What has to be true of the row for the holder of `run.lease` to write to it. Raises LeaseLost for a run without one."""
    if run.lease is None:
        raise LeaseLost(f"run {run.id} is not held by this worker")
    table = schema.run.c
    return (table.lease_token == run.lease.token, table.lease_until > now() + margin_s)


class Journal:
    """Stores events. `messages` says which callbacks each one asks for."""

    def __init__(self, messages: Messages = silence) -> None:
        self._messages = messages

    def record(self, connection: sa.Connection, run: Run, event: Event, token: int, **columns: Any) -> Run:
        """`run` after `event`. The caller holds the row's lock (`locked`) and has checked its right to write.

        `columns` are set on the row as well. A run that nobody holds any more, and that was asked to stop while somebody did, ends there.
        Raises IllegalTransition, and LeaseLost when the row moved after all.
        """
        at = time_of(connection)
        advanced = fold.advance(run, event, at=at)
        after = replace(advanced, version=self._append(connection, advanced, event, token, at))
        released = {} if after.state in HELD else {"lease_until": 0.0, "lease_owner": None}
        self._move(connection, run, {**run_row(after), **released, **columns})
        attempts.note(connection, after, event, token, at)
        outages.note(connection, run, after, event, at)
        if run.state in HELD and after.state not in HELD:
            settle(connection, after)
        self._tell(connection, after, event, at)
        if after.stop_requested and after.state not in HELD | FINAL:
            return self.record(connection, after, Cancelled(Reason("stopped", after.stop_requested)), token)
        return after

    def _append(self, connection: sa.Connection, run: Run, event: Event, token: int, at: float) -> int:
        row = {
            "run_id": run.id, "type": type(event).__name__, "payload": plain(event), "state": run.state.value, "phase": run.phase.value,
            "attempt": run.attempt, "lease_token": token, "scope": run.repository.scope, "delivery": run.request.source.delivery, "at": at,
        }  # fmt: skip
        return int(connection.execute(schema.event.insert().values(row).returning(schema.event.c.seq)).scalar_one())

    def _move(self, connection: sa.Connection, run: Run, columns: Mapping[str, Any]) -> None:
        guarded = sa.update(schema.run).where(schema.run.c.id == run.id, schema.run.c.version == run.version)
        if connection.execute(guarded.values(**columns)).rowcount != 1:
            raise LeaseLost(f"run {run.id} moved while it was written")

    def _tell(self, connection: sa.Connection, run: Run, event: Event, at: float) -> None:
        rows = [
            {
                "id": m.id,
                "run_id": run.id,
                "scope": run.repository.scope,
                "type": m.type,
                "url": m.url,
                "body": m.body,
                "next_at": at,
                "created_at": at,
            }
            for m in self._messages(run, event, at)
        ]
        if rows:
            enclose(connection, rows)
