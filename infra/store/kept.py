"""What was found out and need not be asked again by the next process, such as the user id of our App."""

import sqlalchemy as sa

from infra.store.schema import meta
from infra.store.upsert import insert
from infra.store.work import read, write


class SqlKept:
    """Facts by a key of at most 64 characters. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, key: str) -> str | None:
        """The newest that was kept; None when there is nothing."""
        return read(self._engine, lambda connection: connection.scalar(sa.select(meta.c.value).where(meta.c.key == key)))

    def put(self, key: str, value: str) -> None:
        """Keep it, in place of what was there."""

        def work(connection: sa.Connection) -> None:
            row = insert(connection, meta).values(key=key, value=value)
            connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

        write(self._engine, work)
