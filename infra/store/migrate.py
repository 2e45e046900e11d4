"""Brings a database to this version's tables: in one transaction, under a lock, any number of times."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from infra.store.doubt import APPLICATION_ID, RESTORE, StoreInDoubt
from infra.store.work import read, write

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x534C5057


def bring_up(engine: sa.Engine, *, upgrade: bool = True, folder: Path = FOLDER) -> None:
    """Migrate to the newest revision of `folder`. Raises StoreInDoubt for a revision it does not have."""
    known, newest = revisions(folder)
    at = read(engine, revision)
    if at == newest:
        return
    if at is not None and at not in known:
        newer = f"The store has schema {at}, which this version of Slipway does not know."
        raise StoreInDoubt(f"{newer} Install the version it was used with, or: {RESTORE}")
    if at is None and read(engine, _foreign):
        raise StoreInDoubt(
            f"The database has tables and no schema version: it is not a store of Slipway. Name another database, or: {RESTORE}"
        )
    if at is not None and not upgrade:
        older = f"The store has schema {at}, this version needs {newest}."
        raise StoreInDoubt(f"{older} Stop the old processes and start `slipway up` or `slipway keeper`, which migrates it.")
    write(engine, lambda connection: _upgrade(connection, folder))
    if engine.dialect.name == "sqlite":
        _settle(engine)


def _settle(engine: sa.Engine) -> None:
    """Bring the header out of the journal: the next start check reads the file's first bytes, and nothing but them."""
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")


def revision(connection: sa.Connection) -> str | None:
    """The schema revision a database is at; None for one without any."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions(folder: Path = FOLDER) -> tuple[frozenset[str], str]:
    """Every revision this version knows, and the newest."""
    script = ScriptDirectory(str(folder))
    newest = script.get_current_head()
    if newest is None:
        raise RuntimeError("there are no migrations")
    return frozenset(step.revision for step in script.walk_revisions()), newest


def _upgrade(connection: sa.Connection, folder: Path) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    else:
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _foreign(connection: sa.Connection) -> bool:
    return bool(set(sa.inspect(connection).get_table_names()) - {"alembic_version"})
