"""Where a queued run stands among the others."""

import sqlalchemy as sa

from infra.store.schema import run
from jobs.model import RunState

QUEUED = RunState.QUEUED.value


def position(connection: sa.Connection, run_id: str) -> int:
    """1 for the next, by priority and age; 0 for a run that is not queued. Fairness may let others pass meanwhile."""
    mine, before = run.alias("mine"), run.alias("before")
    older = sa.or_(before.c.created_at < mine.c.created_at, sa.and_(before.c.created_at == mine.c.created_at, before.c.id <= mine.c.id))
    sooner = sa.or_(before.c.priority > mine.c.priority, sa.and_(before.c.priority == mine.c.priority, older))
    count = (
        sa.select(sa.func.count())
        .select_from(mine.join(before, before.c.queue == mine.c.queue))
        .where(mine.c.id == run_id, mine.c.state == QUEUED, before.c.ended_at.is_(None), before.c.state == QUEUED, sooner)
    )
    return int(connection.scalar(count) or 0)
