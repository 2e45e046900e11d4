"""The metrics pack: figures that stay comparable between versions, over a window that ends now."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from infra.store.schema import event, inbox, outbox, run
from infra.store.work import now
from jobs.errors import REASONS
from jobs.model import FINAL, HELD

CLAIMS = ("Claimed", "ClaimedForDelivery")
HOLDING = [state.value for state in HELD]
ENDED = [state.value for state in FINAL]


def pack(connection: sa.Connection, window_s: float) -> dict[str, Any]:
    """The whole pack. Shares are between 0 and 1, null where there is nothing to share out."""
    until = float(connection.scalar(sa.select(now())) or 0.0)
    since = until - window_s
    return {
        "window_s": window_s,
        "until": until,
        **_progress(connection),
        **_ended(connection, since),
        **_claims(connection, since),
        **_links(connection, since),
    }


def ended(connection: sa.Connection, window_s: float, only: Collection[sa.ColumnElement[bool]] = ()) -> dict[str, Any]:
    """The ends of a window, counted by the database: for a page that is looked at all day."""
    state = run.c.state.concat(
        sa.literal_column("''")
    )  # the bare column would have SQLite walk an index on it, past everything that ever ended
    counted = sa.select(state, sa.func.count(), sa.func.sum(run.c.cost_usd)).where(run.c.ended_at >= now() - window_s, *only)
    rows = connection.execute(counted.group_by(state)).all()
    return {
        "states": {**dict.fromkeys(ENDED, 0), **{row[0]: int(row[1]) for row in rows}},
        "cost_usd": sum(float(row[2] or 0.0) for row in rows),
    }


def _progress(connection: sa.Connection) -> dict[str, Any]:
    """Runs said to be at work, and those that really are: a worker's lease lives."""
    held = (run.c.ended_at.is_(None), run.c.state.in_(HOLDING))
    running, leased = _count(connection, run, *held), _count(connection, run, *held, run.c.lease_until >= now())
    return {"running": running, "in_progress": leased, "orphans": running - leased}


def _ended(connection: sa.Connection, since: float) -> dict[str, Any]:
    rows = connection.execute(
        sa.select(run.c.state, run.c.reason_code, run.c.created_at, run.c.started_at, run.c.ended_at, run.c.cost_usd)
        .where(run.c.ended_at >= since)
    ).all()  # fmt: skip
    unknown = sum(row.reason_code not in REASONS for row in rows)
    states = {state: sum(row.state == state for row in rows) for state in sorted(ENDED)}
    reasons = {code: sum(row.reason_code == code for row in rows) for code in sorted({row.reason_code or "unknown" for row in rows})}
    return {
        "created": _count(connection, run, run.c.created_at >= since),
        "ended": len(rows),
        "states": states,
        "reasons": reasons,
        "unknown_share": _share(unknown, len(rows)),
        "wait_s": _median([row.started_at - row.created_at for row in rows if row.started_at]),
        "work_s": _median([row.ended_at - row.started_at for row in rows if row.started_at]),
        "cost_usd": sum(row.cost_usd or 0.0 for row in rows),
    }


def _claims(connection: sa.Connection, since: float) -> dict[str, Any]:
    """Assignments: how many, how often for the same run, how many in the busiest minute, and how many were tests."""
    claimed = sa.select(event.c.run_id, event.c.at, run.c.queue, run.c.request).join(run, run.c.id == event.c.run_id)
    rows = connection.execute(claimed.where(event.c.at >= since, event.c.type.in_(CLAIMS))).all()
    minutes, runs = _tally(int(row.at // 60) for row in rows), _tally(row.run_id for row in rows)
    production = [row for row in rows if row.queue != "test"]
    launches = sa.select(event.c.run_id, event.c.attempt).where(event.c.at >= since, event.c.type == "Launched")
    attempts = _tally(run_id for run_id, _ in {tuple(row) for row in connection.execute(launches)})
    return {
        "claims": len(rows),
        "peak_claims_a_minute": max(minutes.values(), default=0),
        "churn": _share(len(rows), len(runs)),
        "most_claims_of_a_run": max(runs.values(), default=0),
        "most_attempts_of_a_run": max(attempts.values(), default=0),
        "lost_workers": _count(connection, event, event.c.at >= since, event.c.type == "LeaseExpired"),
        "test_pressure": _share(sum(bool(row.request.get("test")) for row in production), len(production)),
    }


def _links(connection: sa.Connection, since: float) -> dict[str, Any]:
    """How much of what is stored and said can be traced: events to their webhook, webhooks to their run."""
    recent = event.c.at >= since
    hooked = sa.and_(recent, event.c.scope.not_like("0:%"))
    worked = sa.and_(inbox.c.received_at >= since, inbox.c.state == "done")
    events, linked = _count(connection, event, hooked), _count(connection, event, hooked, event.c.delivery.is_not(None))
    empty = _count(connection, outbox, outbox.c.created_at >= since, sa.func.length(outbox.c.body) == 0)
    callbacks = _count(connection, outbox, outbox.c.created_at >= since)
    return {
        "payload_coverage": _share(callbacks - empty, callbacks),
        "events_without_delivery": _share(events - linked, events),
        "webhooks_without_run": _share(_count(connection, inbox, worked, inbox.c.run_id.is_(None)), _count(connection, inbox, worked)),
    }


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)


def _tally(keys: Any) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for key in keys:
        found[key] = found.get(key, 0) + 1
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
