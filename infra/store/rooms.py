"""How much of their room outputs of runs take on each host, as its keeper last found it."""

from typing import Any

import sqlalchemy as sa

from infra.store.schema import host_room
from infra.store.upsert import insert
from infra.store.work import now, read, write

BELIEVED_S = 86_400.0
"""How long a host that says nothing is believed."""


class SqlRooms:
    """One row for each host."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, host: str, used: int, most: int) -> None:
        """So many bytes are used, of at most so many; hosts that are silent are forgotten."""
        found = {"used": used, "most": most, "at": now()}

        def work(connection: sa.Connection) -> None:
            row = insert(connection, host_room).values(host=host, **found)
            connection.execute(row.on_conflict_do_update(index_elements=["host"], set_=found))
            connection.execute(sa.delete(host_room).where(host_room.c.at < now() - BELIEVED_S))

        write(self._engine, work)

    def listing(self) -> list[dict[str, Any]]:
        """Every host's, the fullest first."""
        fullest = sa.select(host_room).order_by((host_room.c.used * 1.0 / host_room.c.most).desc(), host_room.c.host)
        return read(self._engine, lambda connection: [dict(row) for row in connection.execute(fullest).mappings()])


def fullest(connection: sa.Connection) -> float:
    """The share that is used of the room that is fullest; 0 where nobody has looked."""
    return float(connection.scalar(sa.select(sa.func.max(host_room.c.used * 1.0 / host_room.c.most))) or 0.0)
