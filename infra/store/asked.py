"""What people asked for and what was said to them: once by its key, and how often within the hour."""

import sqlalchemy as sa

from infra.store.schema import asked
from infra.store.upsert import insert
from infra.store.work import now, read, write
from jobs.model import Recent, Repository

WINDOW_S = 3600


class SqlAsked:
    """The memory of intake. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def recent(self, key: str, repository: Repository, number: int, actor: int) -> Recent:
        """Count this asking, once by its key, and the others of this hour: by the actor in the repository, and on the item."""

        def work(connection: sa.Connection) -> Recent:
            _remember(connection, key, repository.scope, number, actor)
            window = int(connection.scalars(sa.select(now())).one() // WINDOW_S)
            others = (asked.c.scope == repository.scope, asked.c.at >= float(window * WINDOW_S), asked.c.key != key)
            by_actor = _count(connection, *others, asked.c.actor == actor)
            return Recent(by_actor, _count(connection, *others, asked.c.number == number, asked.c.actor != 0), window)

        return write(self._engine, work)

    def stop(self, repository: Repository, number: int, comment: int) -> None:
        """That comment said to stop what runs on the item."""
        self.close(f"{_stop(repository, number)}{comment:020}", repository.scope, number)

    def stopped(self, repository: Repository, number: int, comment: int) -> bool:
        """Whether a comment with a higher id said so."""
        prefix = _stop(repository, number)
        later = sa.select(asked.c.key).where(asked.c.key > f"{prefix}{comment:020}", asked.c.key < f"{prefix}~").limit(1)
        return read(self._engine, lambda connection: connection.scalar(later)) is not None

    def done(self, key: str) -> bool:
        """Whether it was carried out, or said."""
        ended = sa.select(asked.c.done_at).where(asked.c.key == key)
        return read(self._engine, lambda connection: connection.scalar(ended)) is not None

    def close(self, key: str, scope: str, number: int) -> bool:
        """It is carried out, or said; False when it was before."""

        def work(connection: sa.Connection) -> bool:
            _remember(connection, key, scope, number, 0)
            closed = sa.update(asked).where(asked.c.key == key, asked.c.done_at.is_(None)).values(done_at=now())
            return connection.execute(closed).rowcount == 1

        return write(self._engine, work)

    def forget(self, older_than_s: float) -> int:
        """Drop what is older; how much that was."""
        old = sa.delete(asked).where(asked.c.at < now() - older_than_s)
        return write(self._engine, lambda connection: connection.execute(old).rowcount)


def _stop(repository: Repository, number: int) -> str:
    return f"stop:{repository.scope}#{number}:"


def _remember(connection: sa.Connection, key: str, scope: str, number: int, actor: int) -> None:
    row = insert(connection, asked).values(key=key, scope=scope, number=number, actor=actor, at=now())
    connection.execute(row.on_conflict_do_nothing(index_elements=["key"]))


def _count(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(asked).where(*where)) or 0)
