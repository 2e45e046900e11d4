"""When a callback was over, and indexes for counting what is over up to a mark; those for counting everything go."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """One column and two indexes; three indexes that nobody reads any more."""
    op.add_column("outbox", sa.Column("done_at", sa.Double))
    op.execute("UPDATE outbox SET done_at = COALESCE(sent_at, created_at) WHERE state != 'pending'")
    over = sa.text("done_at IS NOT NULL")
    for table in ("inbox", "outbox"):
        op.create_index(f"ix_{table}_over", table, ["done_at", "state"], sqlite_where=over, postgresql_where=over)
    for table, columns in (("run", "state_reason_code_cost_usd"), ("attempt", "outcome"), ("iteration", "agent_role")):
        op.drop_index(f"ix_{table}_{columns}", table)
