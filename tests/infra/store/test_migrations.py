"""Migrations make the tables of `schema`, all of them or none, any number of times."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from infra.store import migrate
from infra.store.schema import metadata


def test_migrations_make_exactly_the_tables_of_the_schema(engine: sa.Engine) -> None:
    """Proves: 001-22."""
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_migrating_twice_changes_nothing(engine: sa.Engine) -> None:
    """Proves: 001-22, F45."""
    migrate.bring_up(engine)
    with engine.connect() as connection:
        assert migrate.revision(connection) == migrate.revisions()[1]
