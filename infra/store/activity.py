"""What agents at work are doing, for whoever looks on: the newest lines of each run, and none once it is over for a while."""

from collections.abc import Sequence

import sqlalchemy as sa

from infra.store.journal import fence, time_of
from infra.store.schema import activity, run
from infra.store.work import now, write
from jobs.errors import LeaseLost
from jobs.evidence import Activity
from jobs.model import Run

MOST_KEPT = 500
"""Lines of one run that are kept; older ones go. The whole is in the launch's transcript."""
SHOWN_S = 3600.0
"""How long the lines of a run that has ended can still be read."""


class SqlActivity:
    """`infra.agents.access.Listeners` on SQL. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def tell(self, at_work: Run, lines: Sequence[Activity]) -> None:
        """Keep the lines, and let go of those beyond `MOST_KEPT`. Raises LeaseLost where the run is another's, and StoreInDoubt."""
        here = {"run_id": at_work.id, "attempt": at_work.attempt, "step": at_work.current.name, "iteration": at_work.iteration}

        def work(connection: sa.Connection) -> None:
            held = sa.select(run.c.id).where(run.c.id == at_work.id, *fence(at_work))
            if connection.scalar(held) is None:
                raise LeaseLost(f"the lease on run {at_work.id} is another worker's or has run out")
            at = time_of(connection)
            connection.execute(activity.insert(), [{**here, "kind": line.kind, "text": line.text, "at": at} for line in lines])
            connection.execute(_beyond(at_work.id))

        write(self._engine, work)

    def forget(self) -> int:
        """Let go of the lines of runs that have ended; how many."""
        over = sa.select(run.c.id).where(run.c.ended_at < now() - SHOWN_S)
        return write(self._engine, lambda connection: connection.execute(sa.delete(activity).where(activity.c.run_id.in_(over))).rowcount)


def _beyond(run_id: str) -> sa.Delete:
    newest = sa.select(activity.c.seq).where(activity.c.run_id == run_id).order_by(activity.c.seq.desc())
    last = newest.offset(MOST_KEPT).limit(1).scalar_subquery()
    return sa.delete(activity).where(activity.c.run_id == run_id, activity.c.seq <= last)
