"""Who is signed in to the dashboard."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """One more table."""
    op.create_table(
        "visit",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=True),
        sa.Column("login", sa.String(length=100), nullable=True),
        sa.Column("sees", sa.JSON(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_visit_until"), "visit", ["until"], unique=False)
