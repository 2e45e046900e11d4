"""From a webhook, and from what an outside write is called, to its run."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Two more indexes."""
    op.create_index("ix_run_delivery", "run", ["delivery"])
    op.create_index("ix_effect_key", "effect", ["key"])
