"""The record of outages: what failed for run after run, and who tries it next. Written in the transaction of the event that tells."""

from dataclasses import asdict

import sqlalchemy as sa

from infra.store.schema import outage as table
from infra.store.schema import run as runs
from infra.store.upsert import insert
from jobs import outages
from jobs.events import Event, Parked
from jobs.model import HELD, Run, RunState
from jobs.outages import Outage


def note(connection: sa.Connection, before: Run, after: Run, event: Event, at: float) -> None:
    """Bring the record up to an event that led from `before` to `after`."""
    for sign in outages.signs(before, event):
        if sign.code:
            _store(connection, outages.failed(_of(connection, sign.dependency), sign, before.id, at))
        else:
            _over(connection, sign.dependency, after.repository.installation, at)
    if after.state not in HELD:
        connection.execute(sa.update(table).where(table.c.probe == after.id).values(probe=None, open_until=at))


def stands_in(connection: sa.Connection, found: Run, at: float) -> Parked | None:
    """What keeps a run from being claimed, as the event that puts it aside; None when it may go, perhaps as the one that tries."""
    known = [_of(connection, name) for name in outages.dependencies(found)]
    asked = [outages.asked(one, found.id, at) for one in known if one and one.is_open]
    waits = [one for one in asked if isinstance(one, Parked)]
    if waits:
        return max(waits, key=lambda one: one.until)
    for one in asked:
        if isinstance(one, Outage):
            _store(connection, one)
    return None


def standing(connection: sa.Connection) -> list[Outage]:
    """The dependencies that fail at the moment, with an open breaker, by name."""
    rows = connection.execute(sa.select(table).where(table.c.failures >= outages.OPENS_AFTER).order_by(table.c.dependency))
    return [Outage(**row._mapping) for row in rows]


def _over(connection: sa.Connection, dependency: str, installation: int, at: float) -> None:
    """It answers. Who waited for it need not wait longer."""
    failures = connection.scalar(sa.delete(table).where(table.c.dependency == dependency).returning(table.c.failures))
    if failures is None or failures < outages.OPENS_AFTER:
        return
    run = runs.c
    parked = (run.ended_at.is_(None), run.state == RunState.PARKED.value, run.installation == installation, run.not_before > at)
    waiting = sa.update(runs).where(*parked, run.reason_code.in_(outages.codes(dependency)))
    connection.execute(waiting.values(not_before=at))


def _of(connection: sa.Connection, dependency: str) -> Outage | None:
    row = connection.execute(sa.select(table).where(table.c.dependency == dependency).with_for_update()).one_or_none()
    return Outage(**row._mapping) if row else None


def _store(connection: sa.Connection, outage: Outage) -> None:
    row = asdict(outage)
    connection.execute(insert(connection, table).values(row).on_conflict_do_update(index_elements=["dependency"], set_=row))
