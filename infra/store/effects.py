"""The record of outside writes: written down before each is tried, and again once it is done."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from infra.store import schema
from infra.store.journal import fence
from infra.store.schema import effect as table
from infra.store.upsert import insert
from infra.store.work import now, read, write
from jobs.errors import LeaseLost
from jobs.model import Run
from jobs.ports import Effect

IDENTITY = ("run_id", "kind", "key")


class SqlEffects:
    """`jobs.ports.Effects` on SQL. A run that carries a lease is fenced by it; one without (final, announced) is not."""

    def __init__(self, engine: sa.Engine, *, send_timeout_s: float = 15.0) -> None:
        self._engine = engine
        self._margin = send_timeout_s

    def intend(self, run: Run, kind: str, key: str) -> Effect:
        """The effect's row, durable on return. Raises LeaseLost when less of the lease is left than a send may take."""

        def work(connection: sa.Connection) -> Effect:
            _fenced(connection, run, self._margin)
            row = insert(connection, table).values(
                run_id=run.id, kind=kind, key=key, scope=run.repository.scope, external={}, tries=1, intended_at=now()
            )  # fmt: skip
            again = row.on_conflict_do_update(index_elements=IDENTITY, set_={"tries": table.c.tries + 1})
            return _effect(connection.execute(again.returning(table)).one())

        return write(self._engine, work)

    def done(self, run: Run, effect: Effect, external: Mapping[str, object]) -> Effect:
        """Write that it is done and what the outside world calls it. Raises LeaseLost as `intend`."""

        def work(connection: sa.Connection) -> Effect:
            _fenced(connection, run)
            this = sa.update(table).where(table.c.run_id == effect.run_id, table.c.kind == effect.kind, table.c.key == effect.key)
            done = this.values(done=True, external=dict(external), done_at=now())
            return _effect(connection.execute(done.returning(table)).one())

        return write(self._engine, work)

    def of(self, run_id: str) -> list[Effect]:
        """Every effect of a run, in the order they were intended."""
        stored = sa.select(table).where(table.c.run_id == run_id).order_by(table.c.intended_at, table.c.kind, table.c.key)
        return read(self._engine, lambda connection: [_effect(row) for row in connection.execute(stored)])


def _fenced(connection: sa.Connection, run: Run, margin_s: float = 0.0) -> None:
    if run.lease is None:
        return
    holds = sa.select(schema.run.c.id).where(schema.run.c.id == run.id, *fence(run, margin_s)).with_for_update()
    if connection.scalar(holds) is None:
        raise LeaseLost(f"too little is left of the lease on run {run.id} for a send, or another worker has it")


def _effect(row: sa.Row[Any]) -> Effect:
    return Effect(row.run_id, row.kind, row.key, row.done, dict(row.external), row.tries)
