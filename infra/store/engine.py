"""Opens the store: SQLite in the data directory, or PostgreSQL by URL, after its start check."""

import os
import secrets
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from infra.clock import SystemClock
from infra.store import doubt, migrate
from infra.store.breaker import Breaker
from infra.store.doubt import StoreInDoubt
from infra.store.schema import meta
from infra.store.work import READ_ONLY, read, write
from jobs.ports import Clock

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "trusted_schema=OFF",
    "temp_store=MEMORY",
    "wal_autocheckpoint=4096",
)
"""Temporary tables in memory: every RETURNING makes one, and a file for it costs more than the statement. Where nobody folds the journal
(`infra/store/folding.py`), a commit does after 64 MiB."""
PAGE_SIZE = 16384


def database(data: Path) -> Path:
    """Where the SQLite file of a data directory is."""
    return data / "store" / "slipway.db"


def open_store(data: Path, url: str | None = None, *, upgrade: bool = True, check: bool = True, clock: Clock | None = None) -> sa.Engine:
    """The store of a data directory, checked, migrated and ready.

    A first start makes it; afterwards nothing is ever created, and every doubt is a StoreInDoubt that says how to
    recover. `upgrade=False` refuses an older schema instead of migrating it; `check=False` leaves out the walk over all
    pages, for the children of a process that has just made it. `clock` is what SQLite's leases go by.
    """
    instance = data / "instance"
    base = database(data) if url is None else sqlite_file(url)
    there = base is not None and doubt.existing(base, instance)
    engine = _engine(base, clock or SystemClock(), there=there) if base else connect(url or "")
    with ExitStack() as unless_ready:
        unless_ready.callback(engine.dispose)
        if there and check:
            _walk(engine)
        stored = _stored(engine)
        doubt.same_instance(instance, stored)
        migrate.bring_up(engine, upgrade=upgrade)
        _remember(instance, stored or write(engine, _name))
        unless_ready.pop_all()
    return engine


def connect(url: str | sa.URL, *, clock: Clock | None = None) -> sa.Engine:
    """An engine on `url` without any check: for tests, backups and the above. Its errors do not repeat what was to be stored."""
    if sa.make_url(url).get_backend_name() == "sqlite":
        engine = sa.create_engine(url, hide_parameters=True)
        event.listen(engine, "connect", _prepare(clock or SystemClock()))
        _break_on_damage(engine)
        event.listen(engine, "begin", _begin)
    else:
        engine = sa.create_engine(url, pool_pre_ping=True, pool_recycle=1800, hide_parameters=True)
    _guard_forks(engine)
    return engine


def sqlite_file(url: str | sa.URL) -> Path | None:
    """The file of a SQLite URL; None for any other database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(unquote(parsed.database.removeprefix("file:")) if parsed.database.startswith("file:") else parsed.database)


def sqlite_url(base: Path, mode: str = "rw") -> sa.URL:
    """The URL of a SQLite file; only mode `rwc` ever creates it."""
    return sa.URL.create("sqlite", database=f"file:{quote(str(base))}", query={"mode": mode, "uri": "true"})


def _engine(base: Path, clock: Clock, *, there: bool) -> sa.Engine:
    base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return connect(sqlite_url(base, "rw" if there else "rwc"), clock=clock)


def _walk(engine: sa.Engine) -> None:
    said = read(engine, lambda connection: connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all())
    if list(said) != ["ok"]:
        raise StoreInDoubt(f"{sqlite_file(engine.url)} is damaged ({'; '.join(map(str, said))[:300]}). {doubt.RESTORE}")


def _prepare(clock: Clock) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing of its own: `_begin` does
        connection.create_function("slipway_now", 0, clock.now, deterministic=True)  # asked once a statement, not once a row
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _begin(connection: sa.Connection) -> None:
    """A writer holds the lock from its first statement: upgrading a read lock fails at once, whatever the timeout."""
    reading = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _break_on_damage(engine: sa.Engine) -> None:
    base = sqlite_file(engine.url)
    if base is None:
        return
    breaker = Breaker(base)
    event.listen(engine, "handle_error", breaker.trip)
    event.listen(engine, "connect", breaker.opened)
    event.listen(engine, "begin", breaker.check)


def _guard_forks(engine: sa.Engine) -> None:
    """No connection crosses a fork: the child gets a pool of its own, and the inherited one is kept, unused and unclosed.

    Closing it in the child would end the parent's session (PostgreSQL) or touch the parent's files (SQLite).
    """
    inherited: list[object] = []
    reference = weakref.ref(engine)

    def in_child() -> None:
        engine = reference()
        if engine is not None:
            inherited.append(engine.pool)
            engine.dispose(close=False)

    def opened(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["pid"] = os.getpid()

    def taken(connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: object) -> None:
        if entry.info["pid"] != os.getpid():
            raise RuntimeError("a database connection crossed a fork")

    os.register_at_fork(after_in_child=in_child)
    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", taken)


def _stored(engine: sa.Engine) -> str | None:
    def work(connection: sa.Connection) -> str | None:
        if not sa.inspect(connection).has_table("meta"):
            return None
        return connection.scalar(sa.select(meta.c.value).where(meta.c.key == "instance"))

    return read(engine, work)


def _name(connection: sa.Connection) -> str:
    """The store's id, given once."""
    stored = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "instance").with_for_update())
    if stored is None:
        stored = secrets.token_hex(16)
        connection.execute(meta.insert(), [{"key": "instance", "value": stored}, {"key": "epoch", "value": "0"}])
    return stored


def _remember(instance: Path, name: str) -> None:
    """After the database, never before: a crash between the two loses nothing."""
    if instance.exists():
        return
    instance.parent.mkdir(parents=True, exist_ok=True)
    written = instance.with_name(f".instance.{os.getpid()}")
    with written.open("w") as file:
        file.write(name + "\n")
        file.flush()
        os.fsync(file.fileno())
    written.replace(instance)
