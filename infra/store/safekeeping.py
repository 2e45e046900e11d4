"""Backups of the SQLite store, and putting one back. PostgreSQL has its own tools, and is told so."""

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from infra.store import doubt, migrate
from infra.store.doubt import StoreInDoubt
from infra.store.engine import connect, database, sqlite_file, sqlite_url
from infra.store.schema import meta, pause, run
from infra.store.upsert import insert
from infra.store.work import now, write
from jobs.errors import UserError
from jobs.model import HELD

EPOCHS_BEGAN = 1_577_836_800.0
PAUSED = (
    "A backup was restored. Compare branches, pull requests and the delivery list with the runs (the keeper does), then `slipway resume`."
)
PG_DUMP = (
    "This store is PostgreSQL: back it up with `pg_dump --format=custom`, restore it with `pg_restore` while no process of Slipway runs."
)


def backup(engine: sa.Engine, file: Path) -> None:
    """Copy the store to `file` while it is in use, whole and checked; an earlier file is replaced only by a good copy.

    Its digest stands beside it in `FILE.sha256`: the database's own check does not notice every changed byte.

    Raises UserError for a store that is not SQLite, and for a place that cannot be written to.
    """
    base = sqlite_file(engine.url)
    if base is None:
        raise UserError(PG_DUMP)
    written = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with closing(_open(base, "rw")) as source, closing(sqlite3.connect(written)) as target:
            source.backup(target, pages=1024)
            target.execute("PRAGMA journal_mode=DELETE")
        check(written)
        _sync(written)
        digest = _sum(written)
        _digest(file).unlink(missing_ok=True)  # a crash in between leaves a file without a digest, never one with another's
        written.replace(file)
        _digest(file).write_text(f"{digest}  {file.name}\n")
        _sync(file.parent)
    except sqlite3.OperationalError as error:
        raise UserError(f"{file} cannot be written ({error}). Name a file in a folder that is there and has room.") from error
    finally:
        written.unlink(missing_ok=True)


def check(file: Path) -> None:
    """Raises StoreInDoubt unless `file` is a whole store of a version this one can read."""
    if not file.is_file():
        raise UserError(f"There is no file {file}. Name a backup that `slipway backup` made.")
    digest = _digest(file)
    if digest.exists() and digest.read_text().split()[:1] != [_sum(file)]:
        raise StoreInDoubt(f"{file} is not what {digest.name} says was written. Use an earlier backup.")
    with file.open("rb") as opened:
        header = opened.read(100)
    if header[:16] != doubt.MAGIC or int.from_bytes(header[68:72]) != doubt.APPLICATION_ID:
        raise StoreInDoubt(f"{file} is not a backup of Slipway. Name another file.")
    try:
        with closing(_open(file, "ro")) as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            at = [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]
    except sqlite3.DatabaseError as error:
        raise StoreInDoubt(f"{file} is damaged ({error}). Use an earlier backup.") from error
    if said != ["ok"]:
        raise StoreInDoubt(f"{file} is damaged ({'; '.join(said)[:300]}). Use an earlier backup.")
    if not migrate.revisions()[0].issuperset(at):
        raise StoreInDoubt(f"{file} has schema {', '.join(at)}, which this version does not know. Install the version that made it.")


def restore(data: Path, file: Path, *, at: float, url: str | None = None) -> Path | None:
    """Put a backup in the place of the store, which no process may have open; returns where the old one was kept.

    Afterwards lease tokens are above all that were ever given out, no run is held, and everything is paused until a person
    resumes. Raises UserError while somebody uses the store, StoreInDoubt for a backup that is not whole or not of this instance.
    `at` is the time; `url` as for `open_store`.
    """
    base = sqlite_file(url) if url else database(data)
    if base is None:
        raise UserError(PG_DUMP)
    check(file)
    _unused(base)
    base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    copy = base.with_name(f".{base.name}.{secrets.token_hex(4)}")
    try:
        with closing(_open(file, "ro")) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        _on(copy, lambda engine: _prepare(engine, data / "instance", max(_epoch(base), _by_time(at))))
        _sync(copy)
        kept = _aside(base, at)
        copy.replace(base)
        _sync(base.parent)
    finally:
        for left in (copy, *_sides(copy)):
            left.unlink(missing_ok=True)
    return kept


def _digest(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _prepare(engine: sa.Engine, instance: Path, epoch: int) -> None:
    with engine.connect() as connection:
        stored = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "instance"))
    doubt.same_instance(instance, stored)
    migrate.bring_up(engine)
    write(engine, lambda connection: _begin_epoch(connection, epoch))


def _begin_epoch(connection: sa.Connection, at_least: int) -> None:
    """A new epoch, no live lease, and nothing claimed before a person has looked."""
    last = int(connection.scalar(sa.select(meta.c.value).where(meta.c.key == "epoch")) or 0)
    connection.execute(sa.update(meta).where(meta.c.key == "epoch").values(value=str(max(last + 1, at_least))))
    connection.execute(sa.update(run).where(run.c.state.in_([state.value for state in HELD])).values(lease_until=0.0))
    row = {"scope": "*", "actor": "restore", "reason": PAUSED, "at": now()}
    connection.execute(insert(connection, pause).values(**row).on_conflict_do_update(index_elements=["scope"], set_=row))


def _by_time(at: float) -> int:
    """Minutes since 2020: above every epoch given out before, also when the store that knew them is lost."""
    return int((at - EPOCHS_BEGAN) / 60)


def _epoch(base: Path) -> int:
    """One above the epoch of the present store, as far as that can be read."""
    try:
        with closing(_open(base, "ro")) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    except sqlite3.DatabaseError:
        return 0
    return int(row[0]) + 1 if row else 0


def _unused(base: Path) -> None:
    """Refuse while another process has the store open: SQLite keeps a lock on the file for each of them."""
    if not base.exists():
        return
    try:
        with closing(_open(base, "rw")) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise UserError(
                "Another process uses the store. Stop every Slipway process (`slipway up`, web, worker, keeper), then restore."
            ) from error


def _aside(base: Path, at: float) -> Path | None:
    kept = base.with_name(f"{base.name}.before-restore-{int(at)}")
    for path in (base, *_sides(base)):
        if path.exists():
            path.replace(path.with_name(path.name.replace(base.name, kept.name)))
    return kept if kept.exists() else None


def _sides(base: Path) -> list[Path]:
    return [base.with_name(base.name + end) for end in ("-wal", "-shm", ".doubt")]


def _on(base: Path, work: Callable[[sa.Engine], None]) -> None:
    engine = connect(sqlite_url(base))
    try:
        work(engine)
    finally:
        engine.dispose()


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=0, isolation_level=None)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
