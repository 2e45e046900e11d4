"""Counters, and how to find the first status of a run and the webhooks that belong to it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """One table and two indexes."""
    op.create_table(
        "tally",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("labels", sa.String(200), primary_key=True),
        sa.Column("value", sa.Double, nullable=False, server_default="0"),
    )
    shown, of_a_run = sa.text("kind = 'comment'"), sa.text("run_id IS NOT NULL")
    op.create_index("ix_effect_shown", "effect", ["intended_at"], sqlite_where=shown, postgresql_where=shown)
    op.create_index("ix_inbox_run", "inbox", ["run_id"], sqlite_where=of_a_run, postgresql_where=of_a_run)
