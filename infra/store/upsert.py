"""INSERT … ON CONFLICT, which both databases have under the same words and SQLAlchemy under two."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what a conflict means."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
