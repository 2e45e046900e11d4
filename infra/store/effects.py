"""The record of outside writes: written down before each is tried, and again once it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
FIRST_LOOK_S = 30.0


@dataclass(frozen=True, slots=True)
class Doubt:
    """An effect that one process began and, before it was done, another: both may have done it. `since` when that was noticed."""

    effect: Effect
    since: float


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
            again = row.on_conflict_do_update(index_elements=IDENTITY, set_={"tries": table.c.tries + 1, **_doubted()})
            return _effect(connection.execute(again.returning(table)).one())

        return write(self._engine, work)

    def done(self, run: Run, effect: Effect, external: Mapping[str, object]) -> Effect:
        """Write that it is done and what the outside world calls it. Raises LeaseLost as `intend`."""

        def work(connection: sa.Connection) -> Effect:
            _fenced(connection, run)
            done = _this(effect).values(done=True, external=dict(external), done_at=now())
            return _effect(connection.execute(done.returning(table)).one())

        return write(self._engine, work)

    def of(self, run_id: str) -> list[Effect]:
        """Every effect of a run, in the order they were intended."""
        stored = sa.select(table).where(table.c.run_id == run_id).order_by(table.c.intended_at, table.c.kind, table.c.key)
        return read(self._engine, lambda connection: [_effect(row) for row in connection.execute(stored)])

    def doubted(self, kinds: Sequence[str], limit: int) -> list[Doubt]:
        """The effects of these kinds that are done, perhaps twice, and whose next look is due; the longest due first."""
        due = sa.select(table).where(table.c.look_at <= now(), table.c.kind.in_(kinds), table.c.done).order_by(table.c.look_at).limit(limit)
        return read(self._engine, lambda connection: [Doubt(_effect(row), row.doubted_at) for row in connection.execute(due)])

    def looked(self, effect: Effect, again_at: float | None) -> None:
        """When to look again for what was done twice; None: never."""
        write(self._engine, lambda connection: connection.execute(_this(effect).values(look_at=again_at)).rowcount)

    def corrected(self, effect: Effect, number: int) -> None:
        """Another than the known one was kept: the effect is `number` now, and the run is to be announced again to fill it."""

        def work(connection: sa.Connection) -> None:
            connection.execute(_this(effect).values(external={"id": number}))
            run = schema.run.c
            again = {"announced": run.version - 1, "announce_at": 0.0, "announce_tries": 0}
            connection.execute(sa.update(schema.run).where(run.id == effect.run_id).values(**again))

        write(self._engine, work)


def _this(effect: Effect) -> sa.Update:
    return sa.update(table).where(table.c.run_id == effect.run_id, table.c.kind == effect.kind, table.c.key == effect.key)


def _doubted() -> dict[str, sa.ColumnElement[Any]]:
    """Somebody began before and did not end: dead, or asleep and about to send."""
    unfinished = table.c.done.is_(sa.false())
    return {
        "doubted_at": sa.case((unfinished, now()), else_=table.c.doubted_at),
        "look_at": sa.case((unfinished, now() + FIRST_LOOK_S), else_=table.c.look_at),
    }


def _fenced(connection: sa.Connection, run: Run, margin_s: float = 0.0) -> None:
    if run.lease is None:
        return
    holds = sa.select(schema.run.c.id).where(schema.run.c.id == run.id, *fence(run, margin_s)).with_for_update()
    if connection.scalar(holds) is None:
        raise LeaseLost(f"too little is left of the lease on run {run.id} for a send, or another worker has it")


def _effect(row: sa.Row[Any]) -> Effect:
    return Effect(row.run_id, row.kind, row.key, row.done, dict(row.external), row.tries)
