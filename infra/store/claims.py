"""Which run a worker gets next: one statement finds it, one transaction takes it."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from infra.store.journal import Journal, locked, time_of
from infra.store.schema import lane, meta, pause, run
from infra.store.upsert import insert
from infra.store.work import now
from jobs.events import Claimed, ClaimedForDelivery
from jobs.model import HELD, Lease, Phase, Run, RunState

CLAIM_LOCK = 0x534C5058
EPOCH_SHIFT = 24
"""Lease tokens carry the store's epoch above their 24 low bits: after a restore every new one is above every old one."""
QUEUED = RunState.QUEUED.value
HOLDING = tuple(state.value for state in HELD)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs may be held at once; 0 is no limit."""

    repository: int = 4
    installation: int = 8
    total: int = 64


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a worker asks for: `only` names the one run it would take."""

    queue: str
    worker: str
    lease_s: float
    only: str | None = None


def claim(connection: sa.Connection, journal: Journal, ticket: Ticket, limits: Limits) -> Run | None:
    """Take the next admissible run: new lease, new attempt, event, in the caller's transaction."""
    if connection.dialect.name == "postgresql":  # the limits are counts: two claims at once could both see room
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CLAIM_LOCK)))
    run_id = connection.scalar(_next(ticket, limits))
    found = locked(connection, run_id, run.c.state == QUEUED) if run_id else None
    return _take(connection, journal, found, ticket) if found else None


def waiting(connection: sa.Connection, limit: int, queue: str | None = None) -> list[str]:
    """The ids of queued runs (of one queue) that are not paused, not waiting for a time and not behind another on their item."""
    mine = (run.c.queue == queue,) if queue else ()
    return list(connection.scalars(_ordered(sa.select(run.c.id)).where(*mine, *_admissible()).limit(limit)))


def _take(connection: sa.Connection, journal: Journal, found: Run, ticket: Ticket) -> Run:
    at, token = time_of(connection), _token(connection, found)
    attempt = found.attempt + 1
    event = (ClaimedForDelivery if found.phase is Phase.DELIVER else Claimed)(ticket.worker, attempt)
    lease = {"lease_token": token, "lease_owner": ticket.worker, "lease_until": at + ticket.lease_s}
    taken = journal.record(connection, found, event, token, **lease)
    _served(connection, found.repository.installation, at)
    return replace(taken, lease=Lease(token, ticket.worker))


def _token(connection: sa.Connection, found: Run) -> int:
    epoch = int(connection.scalar(sa.select(meta.c.value).where(meta.c.key == "epoch")) or 0)
    last = connection.scalar(sa.select(run.c.lease_token).where(run.c.id == found.id)) or 0
    return max(int(last), epoch << EPOCH_SHIFT) + 1


def _served(connection: sa.Connection, installation: int, at: float) -> None:
    row = insert(connection, lane).values(installation=installation, served_at=at, tokens=0, at=0)
    connection.execute(row.on_conflict_do_update(index_elements=["installation"], set_={"served_at": at}))


def _next(ticket: Ticket, limits: Limits) -> sa.Select[Any]:
    wanted = _ordered(sa.select(run.c.id)).where(run.c.queue == ticket.queue, *_admissible(), *_room(limits))
    if ticket.only:
        wanted = wanted.where(run.c.id == ticket.only)
    return wanted.limit(1).with_for_update(skip_locked=True, of=run)


def _admissible() -> tuple[sa.ColumnElement[bool], ...]:
    """Queued, due, not paused, and the oldest of its item with nobody at work on it."""
    other = run.alias("other")
    older = sa.or_(other.c.created_at < run.c.created_at, sa.and_(other.c.created_at == run.c.created_at, other.c.id < run.c.id))
    ahead = sa.select(other.c.id).where(
        other.c.ended_at.is_(None), other.c.repository == run.c.repository, other.c.number == run.c.number,
        other.c.installation == run.c.installation, other.c.id != run.c.id, sa.or_(other.c.state != QUEUED, older),
    )  # fmt: skip
    paused = sa.select(pause.c.scope).where(pause.c.scope.in_(["*", run.c.scope]))
    return (run.c.ended_at.is_(None), run.c.state == QUEUED, run.c.not_before <= now(), ~ahead.exists(), ~paused.exists())


def _count(column: str | None = None) -> sa.ScalarSelect[Any]:
    """How many runs are held in all, or in the same repository or installation as the row looked at."""
    held = run.alias()
    count = sa.select(sa.func.count()).select_from(held).where(held.c.ended_at.is_(None), held.c.state.in_(HOLDING))
    if column:
        count = count.where(held.c[column] == run.c[column])
    return count.correlate(run).scalar_subquery()


def _room(limits: Limits) -> list[sa.ColumnElement[bool]]:
    bounds = {None: limits.total, "installation": limits.installation, "repository": limits.repository}
    return [_count(column) < most for column, most in bounds.items() if most]


def _ordered(wanted: sa.Select[Any]) -> sa.Select[Any]:
    """Priority, then the installation with the least at work, then the one served longest ago, then age."""
    served = sa.select(lane.c.served_at).where(lane.c.installation == run.c.installation).scalar_subquery()
    return wanted.order_by(run.c.priority.desc(), _count("installation"), sa.func.coalesce(served, 0.0), run.c.created_at, run.c.id)
