"""Effects that were perhaps tried by two processes, and when to look for what they left."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Two more columns of `effect`."""
    op.add_column("effect", sa.Column("doubted_at", sa.Double(), nullable=True))
    op.add_column("effect", sa.Column("look_at", sa.Double(), nullable=True))
    due = sa.text("look_at IS NOT NULL")
    op.create_index("ix_effect_doubted", "effect", ["look_at"], sqlite_where=due, postgresql_where=due)
