"""Attempts and iterations: what each event means for the record of what was tried. Called in the event's own transaction."""

from typing import Any

import sqlalchemy as sa

from infra.store.schema import attempt, iteration
from infra.store.steering import said
from infra.store.values import plain
from jobs import briefs
from jobs import events as e
from jobs.model import HELD, Run

FINISHED: dict[type[e.Event], str] = {
    e.Planned: "planned",
    e.BuildFailed: "build_failed",
    e.ReviewApproved: "approved",
    e.ReviewRejected: "rejected",
    e.NothingChanged: "no_change",
    e.SnapshotRefused: "refused",
    e.Passed: "passed",
    e.Rejected: "rejected",
}
"""The events with which an iteration ends, and what it then came to."""
OUTCOMES: dict[type[e.Event], str] = {e.LeaseExpired: "worker_lost", e.Released: "released"}
"""What an attempt came to, where the run's state does not say it."""


def note(connection: sa.Connection, run: Run, event: e.Event, token: int, at: float) -> None:
    """Bring the attempt and iteration rows up to `event`, after which `run` stands as it does."""
    match event:
        case e.Claimed() | e.ClaimedForDelivery():
            connection.execute(
                attempt.insert().values(run_id=run.id, n=event.attempt, lease_token=token, worker=event.worker, started_at=at)
            )
        case e.Launched():
            _launched(connection, run, event, at)
        case e.SpawnFailed():
            _unlaunched(connection, run)
        case _:
            _told(connection, run, event, at)
    if run.state not in HELD and run.attempt:
        _left(connection, run, OUTCOMES.get(type(event), run.state.value), at)


def _launched(connection: sa.Connection, run: Run, event: e.Launched, at: float) -> None:
    brief = plain(briefs.brief(run, said(connection, run.id)))
    row = {
        "run_id": run.id,
        "attempt": run.attempt,
        "step": event.step,
        "role": run.current.role,
        "agent": event.agent,
        "n": event.iteration,
    }
    connection.execute(iteration.insert().values(**row, launched_at=at, brief=brief))
    first = sa.update(attempt).where(attempt.c.run_id == run.id, attempt.c.n == run.attempt, attempt.c.launched_at.is_(None))
    connection.execute(first.values(launched_at=at))


def _unlaunched(connection: sa.Connection, run: Run) -> None:
    """The process did not start after all: the launch is taken back, and with it the attempt, if it was its only one."""
    connection.execute(sa.delete(iteration).where(iteration.c.id == _last(run), iteration.c.result.is_(None)))
    launches = sa.select(iteration.c.id).where(iteration.c.run_id == run.id, iteration.c.attempt == run.attempt)
    this = sa.update(attempt).where(attempt.c.run_id == run.id, attempt.c.n == run.attempt, ~launches.exists())
    connection.execute(this.values(launched_at=None))


def _told(connection: sa.Connection, run: Run, event: e.Event, at: float) -> None:
    """What the last iteration is now known to have done."""
    known: dict[str, Any] = {}
    for column in ("result", "snapshot", "report"):
        value = getattr(event, column, None)
        if value is not None:
            known[column] = plain(value)
    if type(event) in FINISHED:
        known |= {"ended_at": at, "decision": FINISHED[type(event)]}
    if known:
        connection.execute(sa.update(iteration).where(iteration.c.id == _last(run)).values(**known))


def _left(connection: sa.Connection, run: Run, outcome: str, at: float) -> None:
    """Nobody holds the run any more: its attempt is over, and so is an iteration in the middle."""
    here = (attempt.c.run_id == run.id, attempt.c.n == run.attempt, attempt.c.ended_at.is_(None))
    connection.execute(sa.update(attempt).where(*here).values(ended_at=at, outcome=outcome))
    unfinished = sa.update(iteration).where(iteration.c.id == _last(run), iteration.c.ended_at.is_(None))
    connection.execute(unfinished.values(ended_at=at, decision=outcome))


def _last(run: Run) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.max(iteration.c.id)).where(iteration.c.run_id == run.id).scalar_subquery()
