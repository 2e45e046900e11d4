"""What Alembic runs: every step in the caller's transaction, on the caller's connection."""

from alembic import context

from infra.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
