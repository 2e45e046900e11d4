"""The due callbacks of each receiver, without reading those of the others."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """One more index."""
    pending = sa.text("state = 'pending'")
    columns = ["url", "next_at", "lease_until", "id"]
    op.create_index("ix_outbox_lane", "outbox", columns, sqlite_where=pending, postgresql_where=pending)
