"""What happened, added up: durations, launches, tokens and cost as counters that only grow and are counted once, whoever counts.

The figures are rows, added in the transaction that moves the mark up to which everything is counted. The newest seconds are left out:
a transaction may be open that commits an event with a smaller number.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from infra.store import tallies
from infra.store.schema import effect, event, inbox
from infra.store.tallies import Figure
from infra.store.work import now, read, write
from jobs.errors import REASONS
from jobs.model import HELD, RunState

BATCH, BATCHES = 1000, 20
LAG_S = 15.0
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, float("inf"))
"""Upper bounds of durations, in seconds."""
STILL = ("MessageReceived", "StopRequested", "StuckNoticed", "Launched")
"""Events in the middle of a phase, which neither end nor begin one."""
HELD_STATES = frozenset(state.value for state in HELD)
Counted = Mapping[str, Mapping[tuple[str, ...], float]]


class SqlTallies:
    """The counters of an installation, by name and label values. What is younger than `lag_s` is left for the next time."""

    def __init__(self, engine: sa.Engine, *, lag_s: float = LAG_S) -> None:
        self._engine = engine
        self._lag_s = lag_s

    def add(self, figures: Mapping[Figure, float]) -> None:
        """Add to counters."""
        if figures:
            write(self._engine, lambda connection: tallies.add(connection, figures))

    def counts(self) -> Counted:
        """Every counter there is."""
        return read(self._engine, tallies.counters)

    def follow(self) -> int:
        """Count what was stored since the last time; how many events that were. A bounded number at once."""
        counted = 0
        for _ in range(BATCHES):
            more = write(self._engine, lambda connection: _follow(connection, self._lag_s))
            counted += more
            if more < BATCH:
                break
        return counted


def _follow(connection: sa.Connection, lag_s: float) -> int:
    ripe = float(connection.execute(sa.select(now())).scalar_one()) - lag_s
    figures: Counter[Figure] = Counter()
    events = _events(connection, tallies.mark(connection, "counted events"), ripe)
    for row in events:
        figures.update(dict(_of_event(row)))
    shown = _first_shown(connection, tallies.mark(connection, "counted statuses"), ripe)
    for took in shown:
        figures.update(dict(_took("slipway_first_status_seconds", (), took)))
    tallies.add(connection, figures)
    if events:
        tallies.move(connection, "counted events", events[-1]["seq"])
    tallies.move(connection, "counted statuses", ripe)
    return len(events)


def _events(connection: sa.Connection, mark: float, ripe: float) -> list[Mapping[str, Any]]:
    """The next events after a mark, each with what the run was in since when; none that is younger than `ripe`, or behind one that is."""
    before, earlier = event.alias("before"), event.alias("earlier")
    last = (
        sa.select(sa.func.max(earlier.c.seq))
        .where(earlier.c.run_id == event.c.run_id, earlier.c.seq < event.c.seq, earlier.c.type.not_in(STILL))
        .scalar_subquery()
    )
    since = (before.c.at.label("since"), before.c.state.label("was"), before.c.phase.label("in_phase"))
    columns = (event.c.seq, event.c.type, event.c.at, event.c.payload, *since)
    wanted = sa.select(*columns).outerjoin_from(event, before, before.c.seq == last).where(event.c.seq > int(mark)).order_by(event.c.seq)
    rows = connection.execute(wanted.limit(BATCH)).mappings().all()
    young = next((place for place, row in enumerate(rows) if row["at"] > ripe), len(rows))
    return [dict(row) for row in rows[:young]]


def _first_shown(connection: sa.Connection, mark: float, ripe: float) -> list[float]:
    """From a webhook to the first try to write a status for it, for each run whose first try was between two moments."""
    received = sa.func.min(inbox.c.received_at)
    joined = sa.select(effect.c.intended_at - received).join(inbox, inbox.c.run_id == effect.c.run_id)
    between = (effect.c.kind == "comment", effect.c.intended_at > mark, effect.c.intended_at <= ripe)
    return [max(0.0, float(row[0])) for row in connection.execute(joined.where(*between).group_by(effect.c.run_id, effect.c.intended_at))]


def _of_event(row: Mapping[str, Any]) -> Iterator[tuple[Figure, float]]:
    """What an event adds."""
    kind, payload = row["type"], row["payload"]
    if kind == "StuckNoticed":
        yield ("slipway_stuck", ()), 1.0
    if kind in STILL:
        return
    took = max(0.0, row["at"] - row["since"]) if row["since"] is not None else None
    if took is not None and row["was"] in HELD_STATES:
        yield from _took("slipway_phase_seconds", (row["in_phase"],), took)
    if took is not None and row["was"] == RunState.QUEUED and kind.startswith("Claimed"):
        yield from _took("slipway_queue_wait_seconds", (), took)
    if kind == "LeaseExpired":
        yield ("slipway_leases_lost", ()), 1.0
    if kind == "Parked":
        yield ("slipway_parked", (_code(payload["reason"]["code"]),)), 1.0
    if payload.get("result"):
        yield from _of_launch(payload["result"])


def _of_launch(result: Mapping[str, Any]) -> Iterator[tuple[Figure, float]]:
    agent, failure = result["agent"], result.get("failure")
    yield ("slipway_launches", (agent, _code(failure["code"]) if failure else "ok")), 1.0
    for kind, number in (result.get("tokens") or {}).items():
        yield ("slipway_tokens", (agent, kind)), float(number)
    if result.get("cost_usd"):
        yield ("slipway_launch_cost_usd", (agent,)), result["cost_usd"]


def _took(name: str, labels: tuple[str, ...], seconds: float) -> Iterator[tuple[Figure, float]]:
    """One more duration: in the smallest bucket that holds it, and in the sum."""
    bound = next(bound for bound in BUCKETS if seconds <= bound)
    yield (name, (*labels, repr(bound))), 1.0
    yield (f"{name}_sum", labels), seconds


def _code(code: str) -> str:
    """A reason as a label: one of those there are."""
    return code if code in REASONS else "unknown"
