"""Counts over the whole store and the ages of what waits, each read from an index and never from the rows."""

from typing import Any

import sqlalchemy as sa

from infra.store.outbox import due_now
from infra.store.rooms import fullest
from infra.store.schema import PENDING, agent_probe, endpoint, inbox, lane, outbox, pause, run, tick, worker
from infra.store.tallies import Counted, counters
from infra.store.totals import totals
from infra.store.work import now
from jobs.errors import REASONS
from jobs.model import FINAL, HELD, RunState

SEEN_S = 60.0
ENDED = [state.value for state in FINAL]
HOLDING = [state.value for state in HELD]


def counts(connection: sa.Connection) -> dict[str, Counted]:
    """Every metric by its label values."""
    seen = worker.c.seen_at > now() - SEEN_S
    total = totals(connection)
    ended = {labels: number for labels, number in total["ends"].items() if labels[0] in ENDED}
    return {
        **counters(connection),
        "slipway_runs": _by_state(total["ends"]),
        "slipway_runs_ended": ended,
        "slipway_unknown_reason_ratio": {(): _unknown(ended)},
        "slipway_attempts": total["attempts"],
        "slipway_iterations": total["iterations"],
        "slipway_inbox": total["webhooks"],
        "slipway_outbox": total["callbacks"],
        "slipway_cost_usd": {(): sum(total["cost"].values())},
        "slipway_processes": _by(connection, worker.c.role, where=sa.and_(worker.c.ended_at.is_(None), seen)),
        "slipway_oldest_queued_seconds": {
            (): _age(connection, run.c.created_at, run.c.ended_at.is_(None), run.c.state == RunState.QUEUED.value)
        },
        "slipway_oldest_pending_seconds": {
            ("webhooks",): _age(connection, inbox.c.received_at, PENDING),
            ("callbacks",): _age(connection, outbox.c.next_at, due_now()),
        },
        "slipway_leases": _leases(connection),
        "slipway_tick_age_seconds": _ticks(connection),
        "slipway_paused": {(): float(connection.scalar(sa.select(sa.func.count()).select_from(pause)) or 0)},
        "slipway_github_pause_seconds": {(): max(0.0, float(connection.scalar(sa.select(sa.func.max(lane.c.not_before) - now())) or 0.0))},
        "slipway_agents": _by(connection, agent_probe.c.agent, agent_probe.c.state),
        "slipway_outputs_room_ratio": {(): fullest(connection)},
    }


def health(connection: sa.Connection) -> dict[str, Any]:
    """Processes, and the oldest of everything that waits, in seconds (0 when nothing does)."""
    live = run.c.ended_at.is_(None)
    unannounced = sa.select(sa.func.count()).select_from(run).where(sa.literal_column("announced < version"))
    orphans = sa.select(sa.func.count()).select_from(run).where(live, run.c.state.in_(HOLDING), run.c.lease_until < now())
    closed = sa.select(endpoint.c.url).where(endpoint.c.disabled_at.is_not(None)).order_by(endpoint.c.url)
    return {
        "workers": [
            dict(row) for row in connection.execute(sa.select(worker).where(worker.c.ended_at.is_(None)).order_by(worker.c.id)).mappings()
        ],
        "now": float(connection.scalar(sa.select(now())) or 0.0),
        "oldest_inbox_s": _age(connection, inbox.c.received_at, PENDING),
        "oldest_outbox_s": _age(connection, outbox.c.next_at, due_now()),
        "oldest_queued_s": _age(connection, run.c.created_at, live, run.c.state == RunState.QUEUED.value),
        "unannounced": int(connection.scalar(unannounced) or 0),
        "expired_leases": int(connection.scalar(orphans) or 0),
        "paused": {row.scope: row.reason for row in connection.execute(sa.select(pause))},
        "closed_receivers": list(connection.scalars(closed)),
    }


def _by_state(ends: Counted) -> Counted:
    found: Counted = {}
    for (state, _), number in ends.items():
        found[(state,)] = found.get((state,), 0.0) + number
    return found


def _unknown(ended: Counted) -> float:
    """Which share of the runs that ended did so for a reason nobody knows."""
    return sum(number for (_, reason), number in ended.items() if reason not in REASONS) / (sum(ended.values()) or 1.0)


def _leases(connection: sa.Connection) -> Counted:
    """Runs at work, by whether their worker is still there."""
    held = sa.and_(run.c.ended_at.is_(None), run.c.state.in_(HOLDING))
    alive = sa.case((run.c.lease_until >= now(), "live"), else_="expired").label("lease")
    rows = connection.execute(sa.select(alive, sa.func.count()).where(held).group_by(alive))
    return {("live",): 0.0, ("expired",): 0.0, **{(str(lease),): float(number) for lease, number in rows}}


def _ticks(connection: sa.Connection) -> Counted:
    """For each duty of the keeper, how long ago it was last begun, on whatever host."""
    ages: Counted = {}
    duty = connection.scalar(sa.select(sa.func.min(tick.c.duty)))
    while duty is not None:  # a few looks at the index for each duty, where grouping would walk all of a day's ticks
        newest = sa.select(now() - tick.c.started_at).where(tick.c.duty == duty).order_by(tick.c.slot.desc()).limit(1)
        key, age = (duty.partition(" on ")[0],), float(connection.execute(newest).scalar_one())
        ages[key] = min(ages.get(key, float("inf")), max(0.0, age))
        duty = connection.scalar(sa.select(sa.func.min(tick.c.duty)).where(tick.c.duty > duty))
    return ages


def _by(connection: sa.Connection, *columns: sa.Column[Any], where: sa.ColumnElement[bool] | None = None) -> Counted:
    counted = sa.select(*columns, sa.func.count()).group_by(*columns)
    rows = connection.execute(counted if where is None else counted.where(where))
    return {tuple("none" if label is None else str(label) for label in row[:-1]): float(row[-1]) for row in rows}


def _age(connection: sa.Connection, since: sa.Column[float], *where: sa.ColumnExpressionArgument[bool]) -> float:
    """The age of the oldest. `+ 0` keeps the planner from walking an index on time past everything that is finished."""
    oldest = connection.scalar(sa.select(now() - sa.func.min(since + 0)).where(*where))
    return max(0.0, float(oldest or 0.0))
