"""The pause switch: a row for a scope, or for everything, lets nothing of it be claimed."""

import sqlalchemy as sa

from infra.store.schema import pause as table
from infra.store.work import now

EVERYTHING = "*"


def pause(connection: sa.Connection, scope: str, actor: str, reason: str) -> None:
    """Set the switch; the newest reason stands."""
    resume(connection, scope)
    connection.execute(table.insert().values(scope=scope, actor=actor, reason=reason, at=now()))


def resume(connection: sa.Connection, scope: str) -> bool:
    """Take it back; whether it was set."""
    return connection.execute(sa.delete(table).where(table.c.scope == scope)).rowcount > 0


def paused(connection: sa.Connection, scope: str) -> str | None:
    """The reason that holds for a scope, that for everything first."""
    reasons = sa.select(table.c.reason).where(table.c.scope.in_([EVERYTHING, scope])).order_by(table.c.scope != EVERYTHING).limit(1)
    return connection.scalar(reasons)
