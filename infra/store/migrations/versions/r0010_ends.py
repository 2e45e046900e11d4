"""What ended in a window is counted from an index, however many runs ended in it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The index of ends holds what is counted."""
    ended = sa.text("ended_at IS NOT NULL")
    op.drop_index("ix_run_ended", "run")
    op.create_index("ix_run_ended", "run", ["ended_at", "state", "scope", "cost_usd"], sqlite_where=ended, postgresql_where=ended)
