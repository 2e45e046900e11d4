"""Which run a worker gets next: one statement finds it, one transaction takes it."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from infra.store.budget import reserve
from infra.store.journal import Journal, locked, time_of
from infra.store.outages import stands_in
from infra.store.pauses import EVERYTHING
from infra.store.schema import lane, meta, pause, run
from infra.store.upsert import insert
from infra.store.work import now
from jobs.budget import Budgets, refused, renews
from jobs.events import Claimed, ClaimedForDelivery, Event, GaveUp, Parked
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
UNBOUNDED = Budgets()
MOST_PUT_ASIDE = 50
"""How many runs one claim puts aside before it leaves the rest to the next."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a worker asks for: `only` names the one run it would take."""

    queue: str
    worker: str
    lease_s: float
    only: str | None = None


def claim(connection: sa.Connection, journal: Journal, ticket: Ticket, limits: Limits, budgets: Budgets = UNBOUNDED) -> Run | None:
    """Take the next admissible run: new lease, new attempt, budget set aside, event, in the caller's transaction.

    A run that its day's budget has no room for is put aside until the next day on the way, and one that needs what fails for everybody
    at the moment until that is tried again; the one behind it is taken.
    """
    if connection.dialect.name == "postgresql":  # the limits are counts: two claims at once could both see room
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CLAIM_LOCK)))
    for _ in range(MOST_PUT_ASIDE):
        run_id = connection.scalar(_next(ticket, limits))
        found = locked(connection, run_id, run.c.state == QUEUED) if run_id else None
        if found is None:
            return None
        waits = stands_in(connection, found, time_of(connection)) or _unaffordable(connection, found, budgets)
        if waits is None:
            return _take(connection, journal, found, ticket)
        journal.record(connection, found, waits, 0)
    return None


def _unaffordable(connection: sa.Connection, found: Run, budgets: Budgets) -> Event | None:
    """Sets aside what the run may spend; where there is no room, what that means for the run. Delivery costs nothing."""
    if not budgets.by_day or found.phase is Phase.DELIVER:
        return None
    kept_from = reserve(connection, found, budgets, time_of(connection))
    if kept_from is None:
        return None
    share, taken = kept_from
    reason = refused(share, taken)
    return GaveUp(reason) if share.amount > share.most else Parked(reason, renews(share))


def waiting(connection: sa.Connection, limit: int, queue: str | None = None) -> list[str]:
    """The ids of queued runs (of one queue) that are not paused, not waiting for a time and not behind another on their item."""
    mine = (run.c.queue == queue,) if queue else ()
    return list(connection.scalars(_ordered().where(*mine, *_admissible()).limit(limit)))


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
    held = run.alias()
    all_held = sa.select(sa.func.count()).select_from(held).where(*_at_work(held)).scalar_subquery()
    bounds = ((all_held, limits.total), (_number(BY_INSTALLATION), limits.installation), (_number(BY_REPOSITORY), limits.repository))
    room = [count < most for count, most in bounds if most]
    wanted = _ordered().where(run.c.queue == ticket.queue, *_admissible(), *room)
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
    everything = sa.select(pause.c.scope).where(pause.c.scope == EVERYTHING)
    going = (~everything.exists(), run.c.scope.not_in(sa.select(pause.c.scope)))
    return (run.c.ended_at.is_(None), run.c.state == QUEUED, run.c.not_before <= now(), *going, ~ahead.exists())


def _at_work(held: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    return (held.c.ended_at.is_(None), held.c.state.in_(HOLDING))


def _busy(column: str) -> sa.Subquery:
    """How many runs are held, by installation or repository: counted once, however many wait."""
    held = run.alias()
    counted = sa.select(held.c[column].label("of"), sa.func.count().label("n")).where(*_at_work(held))
    return counted.group_by(held.c[column]).subquery(f"busy_{column}")


BY_INSTALLATION, BY_REPOSITORY = _busy("installation"), _busy("repository")


def _number(busy: sa.Subquery) -> sa.ColumnElement[int]:
    return sa.func.coalesce(busy.c.n, 0)


def _ordered() -> sa.Select[Any]:
    """Priority, then the installation with the least at work, then the one served longest ago, then age."""
    beside = (
        run.outerjoin(BY_INSTALLATION, BY_INSTALLATION.c.of == run.c.installation)
        .outerjoin(BY_REPOSITORY, BY_REPOSITORY.c.of == run.c.repository)
        .outerjoin(lane, lane.c.installation == run.c.installation)
    )
    served = sa.func.coalesce(lane.c.served_at, 0.0)
    order = (run.c.priority.desc(), _number(BY_INSTALLATION), served, run.c.created_at, run.c.id)
    return sa.select(run.c.id).select_from(beside).order_by(*order)
