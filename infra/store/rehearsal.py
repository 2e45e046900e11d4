"""A run that is played and never kept, so that the statements of a run's way are compiled before anybody needs them.

The engine's compiled statements outlive a fork (`Engine.dispose` lets go of connections only), and to compile them takes a new process
several times as long as to run them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import AgentResult, Ended
from jobs.model import Repository, RunRequest, Source
from jobs.rules import Rules

FIRST_IN_LINE = 1_000_000
RULES = Rules.model_validate({"agent": "scripted"})
REQUEST = RunRequest("rehearsal", Repository(0, "rehearsal/rehearsal"), Source("cli"), title="Rehearsal", priority=FIRST_IN_LINE)
"""Claimed before any other of its queue, which is that of `slipway run`."""
(STEP,) = RULES.flow(REQUEST.flow).order
EVENTS: tuple[e.Event, ...] = (
    e.Prepared("0" * 40),
    e.Launched(STEP.name, 1, "scripted"),
    e.Built(AgentResult("scripted", Ended.EXIT, exit_code=0)),
    e.GaveUp(Reason("stopped", "It was a rehearsal.")),
)


@contextmanager
def unkept(connection: sa.Connection) -> Iterator[None]:
    """Whatever is written in the block is taken back at its end."""
    nested = connection.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
