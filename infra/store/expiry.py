"""What ends by itself: leases of workers that are gone, and waits whose time has come. What should have ended is noticed."""

from collections.abc import Callable
from functools import partial

import sqlalchemy as sa

from infra.store import schema
from infra.store.journal import Journal, locked, time_of
from infra.store.work import now, read, write
from jobs import deadline
from jobs import events as e
from jobs.convergence import LOST_WORKERS
from jobs.errors import Reason
from jobs.model import HELD, Run, RunState

MOST_AT_ONCE = 200
run = schema.run.c
AT_WORK = (run.ended_at.is_(None), run.state.in_([state.value for state in HELD]))
GONE = (*AT_WORK, run.lease_until < now())
OVER = (
    run.ended_at.is_(None),
    run.state.in_([RunState.PARKED.value, RunState.AWAITING_APPROVAL.value]),
    run.not_before > 0,
    run.not_before <= now(),
)


def expire(engine: sa.Engine, journal: Journal) -> list[str]:
    """Take back every run whose lease has run out; the ids of those that are queued again."""
    return _queued(_each(engine, GONE, lambda connection, found: _lost(connection, journal, found)))


def lost(engine: sa.Engine, journal: Journal, owner: str) -> list[str]:
    """Take back every run of a worker that its own parent saw end; the ids of those that are queued again."""
    return _queued(_each(engine, (*AT_WORK, run.lease_owner == owner), lambda connection, found: _lost(connection, journal, found)))


def wake(engine: sa.Engine, journal: Journal) -> list[str]:
    """Queue parked runs whose time has come and cancel those whose approval did not come; the ids of the queued ones."""
    return _queued(_each(engine, OVER, lambda connection, found: _woken(connection, journal, found)))


def notice(engine: sa.Engine, journal: Journal) -> list[str]:
    """Store of every held run that is stuck that it is, once in a row; their ids."""

    def told(connection: sa.Connection, found: Run) -> Run | None:
        stuck = deadline.stuck(found, time_of(connection))
        last = connection.scalar(sa.select(schema.event.c.type).where(schema.event.c.seq == found.version))
        return journal.record(connection, found, stuck, 0) if stuck and last != type(stuck).__name__ else None

    return [found.id for found in _each(engine, AT_WORK, told)]


def _each(engine: sa.Engine, where: tuple[sa.ColumnElement[bool], ...], move: Callable[[sa.Connection, Run], Run | None]) -> list[Run]:
    """Move every run of which `where` is true, each in a transaction of its own that asks again; those that moved."""
    ids = read(engine, lambda connection: list(connection.scalars(sa.select(run.id).where(*where).limit(MOST_AT_ONCE))))

    def one(run_id: str, connection: sa.Connection) -> Run | None:
        found = locked(connection, run_id, *where)
        return move(connection, found) if found else None

    return [found for found in (write(engine, partial(one, run_id)) for run_id in ids) if found]


def _queued(moved: list[Run]) -> list[str]:
    return [found.id for found in moved if found.state is RunState.QUEUED]


def _lost(connection: sa.Connection, journal: Journal, found: Run) -> Run:
    token, owner = connection.execute(sa.select(run.lease_token, run.lease_owner).where(run.id == found.id)).one()
    after = journal.record(connection, found, e.LeaseExpired(owner or ""), token)
    if after.state is RunState.QUEUED and after.lost_workers >= LOST_WORKERS:
        text = f"Its worker was lost {after.lost_workers} times. Look for what kills it (memory, disk) in the attempts, then retry."
        return journal.record(connection, after, e.GaveUp(Reason("poison", text)), token)
    return after


def _woken(connection: sa.Connection, journal: Journal, found: Run) -> Run:
    if found.state is RunState.PARKED:
        return journal.record(connection, found, e.Unparked(), 0)
    text = "Nobody approved the plan in time. Ask for the run again, and approve it with `/slipway approve`."
    return journal.record(connection, found, e.Cancelled(Reason("approval_expired", text)), 0)
