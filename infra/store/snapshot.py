"""One consistent view of the whole store, as the rows that `jobs.invariants` checks; it only reads."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from infra.store.schema import attempt, budget, effect, event, inbox, iteration, outbox, reservation, run, tick
from infra.store.work import now, read
from jobs.model import Phase, RunState
from jobs.record import (
    AttemptFacts,
    BudgetFacts,
    CallbackFacts,
    EffectFacts,
    EventFacts,
    Facts,
    InboxFacts,
    IterationFacts,
    Launch,
    ReservationFacts,
    RunFacts,
)

ASKED = run.c.request
STANDS = run.c.projection


def facts(engine: sa.Engine, launches: Sequence[Launch] | None = None) -> Facts:
    """The store as it stands, with what the launcher says beside it."""

    def work(connection: sa.Connection) -> Facts:
        launched = sa.case((event.c.type == "Launched", event.c.payload), else_=None).label("payload")
        return Facts(
            now=float(connection.scalar(sa.select(now())) or 0.0),
            runs=[_run(row) for row in connection.execute(sa.select(*_columns()))],
            events=[_event(row) for row in connection.execute(sa.select(*_but(event, "payload"), launched).order_by(event.c.seq))],
            attempts=[_attempt(row) for row in connection.execute(sa.select(attempt))],
            iterations=[_iteration(row) for row in connection.execute(_iterations())],
            callbacks=[CallbackFacts(*row) for row in connection.execute(_plain(outbox, CALLBACK, _size(outbox)))],
            ticks=[(row.duty, row.slot) for row in connection.execute(sa.select(tick.c.duty, tick.c.slot))],
            inbox=[InboxFacts(*row) for row in connection.execute(_plain(inbox, WEBHOOK, _size(inbox)))],
            effects=[EffectFacts(*row) for row in connection.execute(_plain(effect, EFFECT))],
            budgets=[BudgetFacts(*row) for row in connection.execute(_plain(budget, BUDGET))],
            reservations=[ReservationFacts(*row) for row in connection.execute(_plain(reservation, RESERVATION))],
            launches=launches,
        )

    return read(engine, work)


CALLBACK = ("id", "run_id", "url", "type", "state", "scope")
WEBHOOK = ("id", "event", "delivery", "state", "reason", "verified_by", "scope", "run_id", "received_at")
EFFECT = ("run_id", "kind", "key", "scope")
BUDGET = ("subject", "unit", "day", "most", "spent", "reserved", "overrun")
RESERVATION = ("run_id", "subject", "unit", "day", "amount")
PLAIN = (
    "id",
    "intent_key",
    "scope",
    "number",
    "state",
    "phase",
    "version",
    "reason_code",
    "delivery",
    "lease_token",
    "lease_owner",
    "lease_until",
)


def _columns() -> list[sa.ColumnElement[Any]]:
    """Only what is asked for is taken out of the JSON: a run's outputs are large."""
    return [
        *(run.c[name] for name in PLAIN),
        STANDS[("reason", "text")].as_string().label("reason_text"),
        STANDS[("snapshot", "commit")].as_string().label("snapshot_sha"),
        STANDS[("snapshot", "tree")].as_string().label("snapshot_tree"),
        STANDS[("verified", "tree")].as_string().label("verified_tree"),
        STANDS[("receipt", "kind")].as_string().label("delivery_kind"),
        STANDS[("receipt", "sha")].as_string().label("delivered_sha"),
        ASKED[("source", "trigger")].as_string().label("trigger"),
        sa.cast(ASKED[("source", "actor", "id")].as_string(), sa.BigInteger).label("actor"),
        ASKED[("source", "actor", "permission")].as_string().label("permission"),
        ASKED["callback_url"].as_string().label("callback_url"),
        ASKED["iterations"].as_integer().label("iterations"),
        run.c.rules["callbacks"].label("callbacks"),
        run.c.rules[("limits", "iterations")].as_integer().label("limit"),
    ]


def _run(row: sa.Row[Any]) -> RunFacts:
    told = {
        name: getattr(row, name)
        for name in (*PLAIN, "reason_text", "trigger", "actor", "permission", "snapshot_sha", "snapshot_tree", "verified_tree")
    }
    return RunFacts(
        **{**told, "state": RunState(row.state), "phase": Phase(row.phase)},
        most_iterations=min(row.iterations or row.limit, row.limit),
        delivered_sha=row.delivered_sha if row.delivery_kind != "none" else None,
        receivers=_receivers(row),
    )


def _plain(table: sa.Table, names: Sequence[str], *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(*(table.c[name] for name in names), *more)


def _size(table: sa.Table) -> sa.ColumnElement[int]:
    """The length of a row's body, without reading it."""
    return sa.func.length(table.c.body)


def _receivers(row: sa.Row[Any]) -> frozenset[str]:
    named = {rule["url"] for rule in row.callbacks if not rule["events"] or f"run.{row.state}" in rule["events"]}
    return frozenset(named | {row.callback_url} - {None})


def _event(row: Any) -> EventFacts:
    launched = row.payload or {}
    stands = (RunState(row.state), Phase(row.phase))
    return EventFacts(
        row.seq, row.run_id, row.type, *stands, row.attempt, row.lease_token, row.delivery, row.scope,
        launched.get("step"), launched.get("iteration"), row.at,
    )  # fmt: skip


def _attempt(row: sa.Row[Any]) -> AttemptFacts:
    return AttemptFacts(row.run_id, row.n, row.lease_token, row.launched_at is not None, row.ended_at is not None)


def _iterations() -> sa.Select[Any]:
    """A JSON column without a value may hold SQL's NULL or JSON's."""
    kept = [sa.func.coalesce(sa.cast(iteration.c[name], sa.Text), "null").label(name) != "null" for name in ("result", "report")]
    return sa.select(*_but(iteration, "brief", "result", "snapshot", "report"), kept[0].label("result"), kept[1].label("report"))


def _iteration(row: sa.Row[Any]) -> IterationFacts:
    return IterationFacts(
        row.run_id, row.attempt, row.step, row.n, row.ended_at is not None, row.decision, bool(row.result), bool(row.report)
    )


def _but(table: sa.Table, *names: str) -> list[sa.Column[Any]]:
    return [column for column in table.c if column.name not in names]
