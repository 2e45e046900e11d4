"""What people said to a run's agent: events like any other, read back in their order."""

from collections.abc import Sequence

import sqlalchemy as sa

from infra.store.schema import event
from jobs.events import MessageReceived

NAME = MessageReceived.__name__


def said(connection: sa.Connection, run_id: str) -> Sequence[str]:
    """The messages of a run, oldest first."""
    stored = sa.select(event.c.payload).where(event.c.run_id == run_id, event.c.type == NAME).order_by(event.c.seq)
    return [str(payload["text"]) for payload in connection.scalars(stored)]


def heard(connection: sa.Connection, run_id: str, comment: int) -> bool:
    """Whether a comment was already taken as a message."""
    stored = sa.select(event.c.payload).where(event.c.run_id == run_id, event.c.type == NAME)
    return any(payload["comment"] == comment for payload in connection.scalars(stored))
