"""Counters as rows, and the marks up to which something is counted. Called in the transaction of whoever counts."""

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from infra.store.schema import meta, tally
from infra.store.upsert import insert

Figure = tuple[str, tuple[str, ...]]
Counted = dict[tuple[str, ...], float]


def counters(connection: sa.Connection) -> dict[str, Counted]:
    """Every counter there is, by name and label values."""
    found: dict[str, Counted] = {}
    for row in connection.execute(sa.select(tally)):
        found.setdefault(row.name, {})[tuple(json.loads(row.labels))] = row.value
    return found


def add(connection: sa.Connection, figures: Mapping[Figure, float]) -> None:
    """Add to counters."""
    for (name, labels), number in sorted(figures.items()):  # always in one order, so that two who add never wait for each other
        new = insert(connection, tally).values(name=name, labels=json.dumps(labels), value=number)
        connection.execute(new.on_conflict_do_update(index_elements=["name", "labels"], set_={"value": tally.c.value + number}))


def forget(connection: sa.Connection, names: Sequence[str]) -> None:
    """Begin anew with counters."""
    connection.execute(sa.delete(tally).where(tally.c.name.in_(names)))


def mark(connection: sa.Connection, what: str) -> float:
    """Up to where is counted; the row is locked, so that one counts at a time."""
    connection.execute(insert(connection, meta).values(key=what, value="0").on_conflict_do_nothing())
    return float(connection.scalar(sa.select(meta.c.value).where(meta.c.key == what).with_for_update()) or 0)


def marked(connection: sa.Connection, what: str) -> float:
    """As `mark`, for whoever only looks."""
    return float(connection.scalar(sa.select(meta.c.value).where(meta.c.key == what)) or 0)


def move(connection: sa.Connection, what: str, to: float) -> None:
    """Everything up to there is counted."""
    connection.execute(sa.update(meta).where(meta.c.key == what).values(value=repr(to)))
