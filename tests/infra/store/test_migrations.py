"""Migrations make the tables of `schema`, all of them or none, any number of times."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from infra.store import migrate
from infra.store.doubt import StoreInDoubt
from infra.store.engine import connect, open_store
from infra.store.schema import metadata, outbox, run
from infra.store.work import read
from tests.infra.store.asked import start

NEWEST = str(migrate.revisions()[1])
NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision = "0999"
down_revision = "{NEWEST}"


def upgrade() -> None:
    op.add_column("tick", sa.Column("extra", sa.Text))
    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a later version."""
    folder = tmp_path / "100% newer"
    shutil.copytree(migrate.FOLDER, folder)
    (folder / "versions" / "r0999_more.py").write_text(NEXT)
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[sa.Engine]:
    """A store whose tables may be changed."""
    engine = open_store(tmp_path)
    start(engine)
    yield engine
    engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_schema(engine: sa.Engine) -> None:
    """Proves: 001-22."""
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_migrating_twice_changes_nothing(engine: sa.Engine) -> None:
    """Proves: 001-22, F45."""
    migrate.bring_up(engine)
    with engine.connect() as connection:
        assert migrate.revision(connection) == migrate.revisions()[1]


def test_an_older_schema_is_migrated_with_everything_in_it(alone: sa.Engine, newer: Path) -> None:
    """Proves: 001-22, F45."""
    migrate.bring_up(alone, folder=newer)
    assert _state(alone) == ("0999", True, 1)
    with pytest.raises(StoreInDoubt, match="schema 0999, which this version of Slipway does not know"):
        migrate.bring_up(alone)


def test_an_older_schema_is_refused_where_nothing_may_be_migrated(alone: sa.Engine, newer: Path) -> None:
    """Proves: 001-19."""
    with pytest.raises(StoreInDoubt, match=f"schema {NEWEST}, this version needs 0999"):
        migrate.bring_up(alone, upgrade=False, folder=newer)
    assert _state(alone) == (NEWEST, False, 1)


def test_a_migration_that_dies_half_way_is_undone_and_can_be_run_again(alone: sa.Engine, newer: Path) -> None:
    """Proves: F45, 001-22."""
    step = newer / "versions" / "r0999_more.py"
    step.write_text(NEXT + "    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        migrate.bring_up(alone, folder=newer)
    assert _state(alone) == (NEWEST, False, 1)
    step.write_text(NEXT)
    migrate.bring_up(alone, folder=newer)
    assert _state(alone) == ("0999", True, 1)


def _state(engine: sa.Engine) -> tuple[str | None, bool, int]:
    """The revision, whether the later version's table is there, and how many runs."""

    def work(connection: sa.Connection) -> tuple[str | None, bool, int]:
        runs = connection.scalar(sa.select(sa.func.count()).select_from(run)) or 0
        return migrate.revision(connection), sa.inspect(connection).has_table("more"), runs

    return read(engine, work)


def test_callbacks_of_an_older_schema_that_are_over_are_counted(tmp_path: Path) -> None:
    """What was sent or given up before there was a column for it. Proves: F45."""
    before = tmp_path / "before"
    shutil.copytree(migrate.FOLDER, before)
    for step in before.glob("versions/r00*.py"):
        if step.name > "r0013":
            step.unlink()
    engine = connect(f"sqlite:///{tmp_path / 'old.db'}")
    migrate.bring_up(engine, folder=before)
    made = {
        "run_id": start(engine).id,
        "scope": "7:42",
        "type": "run.queued",
        "url": "https://a.example",
        "body": b"",
        "next_at": 0.0,
        "created_at": 5.0,
    }
    with engine.begin() as connection:
        for state, sent in (("pending", None), ("sent", 7.0), ("dead", None)):
            row = {**made, "id": state, "state": state, "sent_at": sent}
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO outbox ({names}) VALUES ({marks})"), row)
    migrate.bring_up(engine)
    with engine.connect() as connection:
        done = connection.execute(sa.select(outbox.c.state, outbox.c.done_at).order_by(outbox.c.state)).all()
    assert [tuple(row) for row in done] == [("dead", 5.0), ("pending", None), ("sent", 7.0)]
    engine.dispose()
