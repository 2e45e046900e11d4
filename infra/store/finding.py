"""Runs by what GitHub knows of them: a commit, an installation."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from infra.store.schema import event
from infra.store.schema import run as table
from infra.store.values import run_of
from infra.store.work import read
from jobs.events import ChecksAwaited
from jobs.model import Run, RunState


class SqlFinding:
    """Looks runs up. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def on_commit(self, repository_id: int, sha: str) -> Run | None:
        """The newest run that delivered the commit, or was authorised to work on it as a pull request's head."""
        delivered = table.c.projection[("receipt", "sha")].as_string() == sha
        authorised = table.c.request["head_sha"].as_string() == sha
        found = sa.select(table).where(table.c.repository == repository_id, delivered | authorised)
        newest = found.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(1)
        row = read(self._engine, lambda connection: connection.execute(newest).one_or_none())
        return run_of(row) if row else None

    def turned_away(self, repository_id: int, *, run_id: str | None = None, sha: str | None = None, number: int | None = None) -> list[Run]:
        """That one, if it was turned away before it began; or those shown on the commit, or asked for on the item. Oldest first.

        Of the latter only those that are the newest of their item: what was asked for since has its own answer.
        """
        wanted = sa.select(table).where(table.c.repository == repository_id, table.c.state == RunState.REJECTED.value)
        if run_id is not None:
            return self._runs(wanted.where(table.c.id == run_id))
        later = table.alias()
        after = sa.or_(later.c.created_at > table.c.created_at, (later.c.created_at == table.c.created_at) & (later.c.id > table.c.id))
        newest = ~sa.exists().where(later.c.repository == table.c.repository, later.c.number == table.c.number, after)
        if sha is not None:
            told = table.c.projection["base_sha"].as_string() == sha
            wanted = wanted.where(told | (table.c.request["head_sha"].as_string() == sha))
        if number is not None:
            wanted = wanted.where(table.c.number == number)
        return self._runs(wanted.where(newest))

    def live(self, installation: int, repositories: Sequence[int] = (), number: int | None = None) -> list[Run]:
        """The runs of an installation, or of those of its repositories, or on that item of them, that are not final; oldest first."""
        wanted = sa.select(table).where(table.c.ended_at.is_(None), table.c.installation == installation)
        if repositories:
            wanted = wanted.where(table.c.repository.in_(list(repositories)))
        if number is not None:
            wanted = wanted.where(table.c.number == number)
        return self._runs(wanted)

    def awaiting_ci(self) -> list[Run]:
        """The runs that wait for the checks of what they delivered; oldest first."""
        return self._runs(sa.select(table).where(table.c.ended_at.is_(None), table.c.state == RunState.AWAITING_CI.value))

    def waits_since(self, run: Run) -> float:
        """When a run last began to wait for checks, by the database's clock; 0 for one that never did."""
        began = sa.select(sa.func.max(event.c.at)).where(event.c.run_id == run.id, event.c.type == ChecksAwaited.__name__)
        return float(read(self._engine, lambda connection: connection.scalar(began)) or 0.0)

    def _runs(self, wanted: sa.Select[Any]) -> list[Run]:
        rows = read(self._engine, lambda connection: connection.execute(wanted.order_by(table.c.created_at, table.c.id)).all())
        return [run_of(row) for row in rows]
