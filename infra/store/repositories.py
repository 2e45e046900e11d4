"""Which repositories runs were asked for in, and when last."""

from dataclasses import dataclass

import sqlalchemy as sa

from infra.store.schema import run
from infra.store.work import now, read
from jobs.model import Repository


@dataclass(frozen=True, slots=True)
class Used:
    """A repository, by the name it had last, and the seconds since the last run in it was asked for; `busy` while one has not ended."""

    repository: Repository
    idle_s: float
    busy: bool


class SqlRepositories:
    """The repositories that the store knows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def used(self) -> list[Used]:
        """Every one, by number."""
        last, live = sa.func.max(run.c.created_at), sa.func.count() - sa.func.count(run.c.ended_at)
        named = sa.select(run.c.repository, run.c.installation, sa.func.max(run.c.full_name), now() - last, live)
        each = named.group_by(run.c.repository, run.c.installation).order_by(run.c.installation, run.c.repository)
        rows = read(self._engine, lambda connection: list(connection.execute(each)))
        return [Used(Repository(number, name, installation), idle, live > 0) for number, installation, name, idle, live in rows]
