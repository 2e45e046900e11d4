"""Every transaction of the store goes through `write` or `read`; trying again is decided here and nowhere else."""

import random
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from infra.clock import SystemClock
from infra.store.doubt import REMEDIES, StoreAway, StoreInDoubt

T = TypeVar("T")
TRIES = 6
FIRST_S, MOST_S = 0.02, 1.0
READ_ONLY = "slipway_read_only"
ONE_VIEW = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}
"""What it takes that every statement of a reader sees the same; a transaction of SQLite is like that by itself."""
BUSY = ("database is locked", "database table is locked")
SERIALIZATION, DEADLOCK, TOO_MANY, SHUTDOWN = "40001", "40P01", "53300", "57P01"
AGAIN = {SERIALIZATION, DEADLOCK, TOO_MANY, SHUTDOWN}

NOW = {"sqlite": "slipway_now()", "postgresql": "extract(epoch from clock_timestamp())::float8"}
"""How each database is asked for `now`."""


class now(sa.sql.functions.FunctionElement[float]):  # noqa: N801 - reads as SQL
    """Seconds since the epoch by the database's clock, the one clock that every lease is measured with."""

    type = sa.Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    return NOW["sqlite"]


@compiles(now, "postgresql")
def _postgresql(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    return NOW["postgresql"]


def write(engine: sa.Engine, work: Callable[[sa.Connection], T], *, tries: int = TRIES) -> T:
    """Run `work` in one transaction that holds the write lock from its start, and commit.

    After a lock, a serialization failure or a lost connection `work` runs again from the beginning, a bounded number of
    times: it has to read what it decides on inside. Whether a commit arrived is not known after a lost connection, so
    `work` also has to find its own earlier result. Raises StoreInDoubt when the database is damaged, full or gone,
    StoreAway when it stayed locked or out of reach.
    """

    def once() -> T:
        with engine.begin() as connection:
            return work(connection)

    return _patiently(once, tries)


def read(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Run `work` on one consistent view, without taking the write lock."""
    options: dict[str, Any] = {READ_ONLY: True, **ONE_VIEW.get(engine.dialect.name, {})}

    def once() -> T:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            return work(connection)

    return _patiently(once)


def _patiently(once: Callable[[], T], tries: int = TRIES) -> T:
    clock, wait = SystemClock(), FIRST_S
    for _ in range(tries - 1):
        try:
            return once()
        except DBAPIError as error:
            _judge(error)
        clock.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - spreads waiters, guards nothing
        wait = min(wait * 3, MOST_S)
    try:
        return once()
    except DBAPIError as error:
        _judge(error)
        raise StoreAway(
            "The database stayed locked or away through every try. Look for a process that holds it, and at its disk."
        ) from error


def _judge(error: DBAPIError) -> None:
    """Return when the same work may be tried again; raise what the error means otherwise."""
    text = str(error.orig).lower()
    remedy = next((remedy for said, remedy in REMEDIES.items() if said in text), None)
    if remedy:
        raise StoreInDoubt(f"The database answered: {error.orig}. Nothing is claimed until it is well. {remedy}") from error
    passing = error.connection_invalidated or any(part in text for part in BUSY) or getattr(error.orig, "sqlstate", None) in AGAIN
    if not passing:
        raise error
