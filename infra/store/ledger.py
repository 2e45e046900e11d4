"""The ledger of runs: what workers claim, commit, renew and give back. Every write of a worker is fenced by its lease."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from infra.store import claims, expiry, rehearsal, schema
from infra.store.journal import Journal, Messages, fence, locked, silence
from infra.store.runs import queued
from infra.store.steering import said
from infra.store.values import plain, run_of
from infra.store.work import now, read, write
from jobs.budget import Budgets
from jobs.errors import LeaseLost
from jobs.events import Event, Released
from jobs.model import HELD, Run


class SqlLedger:
    """`jobs.ports.Ledger` on SQL, and the claims and leases behind it. Thread-safe."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        messages: Messages = silence,
        limits: claims.Limits = claims.LIMITS,
        budgets: Budgets = claims.UNBOUNDED,
        lease_s: float = 45.0,
    ) -> None:
        self._engine = engine
        self._journal = Journal(messages)
        self._limits = limits
        self._budgets = budgets
        self._lease_s = lease_s

    def load(self, run_id: str) -> Run:
        """The run as it stands, without a lease. Raises KeyError for an id that is not whole and known."""
        row = read(
            self._engine, lambda connection: connection.execute(sa.select(schema.run).where(schema.run.c.id == run_id)).one_or_none()
        )
        if row is None:
            raise KeyError(run_id)
        return run_of(row)

    def commit(self, run: Run, event: Event) -> Run:
        """Store `event` and the advanced run, fenced by `run.lease`; an event that ends or parks the run gives the lease back.

        What others stored meanwhile (a message, a stop request) is in the run that is returned. Repeatable: an event that
        this lease has already stored after `run.version` is not stored again.
        """
        return write(self._engine, lambda connection: self._commit(connection, run, event))

    def messages(self, run: Run) -> Sequence[str]:
        """The steering messages received for the run so far, oldest first."""
        return read(self._engine, lambda connection: said(connection, run.id))

    def requested(self, run_id: str) -> bool:
        """Whether somebody asked for the run to stop."""
        asked = sa.select(schema.run.c.stop_requested).where(schema.run.c.id == run_id)
        return read(self._engine, lambda connection: connection.scalar(asked)) is not None

    def claim(self, queue: str, worker: str, run_id: str | None = None, *, only: bool = False) -> Run | None:
        """The next admissible run of a queue, held under a new lease; None when there is none to be had.

        `run_id` is a hint: the order is the store's. With `only` it is that run or none, for a process that works for
        nobody else.
        """
        ticket = claims.Ticket(queue, worker, self._lease_s, run_id if only else None)
        return write(self._engine, lambda connection: self._claim(connection, ticket))

    def renew(self, run: Run) -> bool:
        """Extend the lease; False when it is lost, and then the worker has to stop at once and touch nothing."""
        if run.lease is None:
            return False
        held = sa.update(schema.run).where(schema.run.c.id == run.id, *fence(run), schema.run.c.state.in_([state.value for state in HELD]))
        longer = held.values(lease_until=now() + self._lease_s)
        return write(self._engine, lambda connection: connection.execute(longer).rowcount == 1)

    def release(self, run: Run, event: Event | None = None) -> Run:
        """Give the run back at a boundary, for another worker to take up."""
        return self.commit(run, event or Released())

    def expire(self) -> list[str]:
        """Take the runs back whose workers are gone; returns the ids of those that are queued again."""
        return expiry.expire(self._engine, self._journal)

    def lost(self, owner: str) -> list[str]:
        """Take back what a worker held that is known to have ended, without waiting for its lease; the ids that are queued again."""
        return expiry.lost(self._engine, self._journal, owner)

    def wake(self) -> list[str]:
        """End every wait whose time has come: parked runs are queued again, approvals nobody gave expire. The queued ones."""
        return expiry.wake(self._engine, self._journal)

    def notice(self) -> list[str]:
        """Store of every held run that should have ended long ago that it is stuck. Nothing else changes; their ids."""
        return expiry.notice(self._engine, self._journal)

    def due(self, limit: int = 100, queue: str | None = None) -> list[str]:
        """Queued runs (of one queue) that could be claimed if there were room, in the order of claims: whom to ring for."""
        return read(self._engine, lambda connection: claims.waiting(connection, limit, queue))

    def rehearse(self) -> None:
        """Play a run, of which nothing is kept: what is forked from this process afterwards finds its statements compiled."""

        def work(connection: sa.Connection) -> None:
            with rehearsal.unkept(connection):
                queued(connection, self._journal, rehearsal.REQUEST, rehearsal.RULES)
                run = self._claim(connection, claims.Ticket(rehearsal.REQUEST.queue, "", self._lease_s))
                for event in rehearsal.EVENTS:
                    run = run and self._commit(connection, run, event)

        write(self._engine, work)

    def _claim(self, connection: sa.Connection, ticket: claims.Ticket) -> Run | None:
        return claims.claim(connection, self._journal, ticket, self._limits, self._budgets)

    def _commit(self, connection: sa.Connection, run: Run, event: Event) -> Run:
        after = self._stored(connection, run, event) or self._moved(connection, run, event)
        return replace(after, lease=run.lease if after.state in HELD else None)

    def _moved(self, connection: sa.Connection, run: Run, event: Event) -> Run:
        stands = locked(connection, run.id, *fence(run))
        if stands is None or run.lease is None:
            raise LeaseLost(f"the lease on run {run.id} is another worker's or has run out")
        return self._journal.record(connection, stands, event, run.lease.token)

    def _stored(self, connection: sa.Connection, run: Run, event: Event) -> Run | None:
        """The run, if this very event of this lease is already stored: its commit arrived and the answer was lost."""
        if run.lease is None:
            return None
        table = schema.event.c
        later = sa.select(table.payload).where(table.run_id == run.id, table.seq > run.version, table.lease_token == run.lease.token)
        same = connection.scalars(later.where(table.type == type(event).__name__))
        return locked(connection, run.id) if plain(event) in list(same) else None
