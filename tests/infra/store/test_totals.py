"""How much there is of everything is the truth at every moment, whatever of it was counted before."""

from collections.abc import Mapping
from itertools import count

import pytest
import sqlalchemy as sa

from infra.store.inbox import Delivery, SqlInbox
from infra.store.ledger import SqlLedger
from infra.store.outbox import SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import attempt, inbox, iteration, meta, outbox, run
from infra.store.totals import BATCH, SqlTotals, totals
from infra.store.work import read
from jobs import events as e
from jobs.errors import Reason
from jobs.model import Run
from tests.infra.store.asked import LAUNCHED, RULES, WHOLE, asked, walk
from tests.infra.store.test_outbox import BAD, GOOD, Told

LABELS: Mapping[str, tuple[sa.Column[object], ...]] = {
    "ends": (run.c.state, run.c.reason_code),
    "attempts": (attempt.c.outcome,),
    "iterations": (iteration.c.agent, iteration.c.role),
    "webhooks": (inbox.c.state,),
    "callbacks": (outbox.c.state,),
}
KEYS = count()


def row_by_row(connection: sa.Connection) -> dict[str, dict[tuple[str, ...], float]]:
    """The same, counted from the rows."""
    found = {}
    for name, columns in LABELS.items():
        rows = connection.execute(sa.select(*columns, sa.func.count()).group_by(*columns))
        found[name] = {tuple("none" if label is None else str(label) for label in row[:-1]): float(row[-1]) for row in rows}
    cost = connection.scalar(sa.select(sa.func.sum(run.c.cost_usd)))
    return {**found, "cost": {(): float(cost or 0.0)}}


def true(engine: sa.Engine) -> None:
    """What is told is what is there."""
    told = read(engine, totals)
    there = read(engine, row_by_row)
    assert {name: {labels: number for labels, number in each.items() if number} for name, each in told.items()} == {
        name: {labels: number for labels, number in each.items() if number} for name, each in there.items()
    }


def told(run: Run, event: e.Event, at: float) -> list[Told]:
    """Two receivers are told of everything."""
    return [Told(f"msg_{next(KEYS)}", "run.progress", url, b"{}") for url in (GOOD, BAD)]


class Life:
    """Everything that happens to rows, one thing after the other."""

    def __init__(self, engine: sa.Engine) -> None:
        self.runs, self.ledger = SqlRuns(engine, messages=told), SqlLedger(engine, messages=told)
        self.inbox, self.outbox = SqlInbox(engine), SqlOutbox(engine)

    def webhook(self, state: str) -> int:
        """One that came to something."""
        ((row, _),) = self.inbox.insert([Delivery("1", "issues", f"d{next(KEYS)}", "labeled", None, "secret 1", b"{}")])
        taken = self.inbox.claim(row)
        assert taken
        if state != "pending":
            self.inbox.finish(taken, state, None)
        return row

    def run(self, *events: e.Event) -> str:
        """A run, claimed where something happened to it."""
        asked_for = self.runs.start(asked(f"life:{next(KEYS)}", number=None), RULES)[0]
        if events:
            held = self.ledger.claim("agents", "w", asked_for.id, only=True)
            assert held
            walk(self.ledger, held, *events)
        return asked_for.id

    def callbacks(self, *ends: str) -> list[str]:
        """Those that are due, each to an end."""
        rows = self.outbox.due(len(ends))
        for row_id, end in zip(rows, ends, strict=False):
            row = self.outbox.claim(row_id)
            assert row
            if end == "sent":
                self.outbox.sent(row, 204)
            else:
                self.outbox.failed(row, 500, "no", None if end == "dead" else 0.0)
        return rows


GAVE_UP = (*LAUNCHED, e.GaveUp(Reason("gates_failed", "The tests fail.")))


@pytest.mark.parametrize("lag_s", [0.0, 3600.0], ids=["all of it counted", "all of it too young"])
def test_what_is_told_is_what_is_there_after_everything_that_happens(engine: sa.Engine, lag_s: float) -> None:
    """Proves: 004-27, I08."""
    life, counting = Life(engine), SqlTotals(engine, lag_s=lag_s)
    true(engine)
    rows = [life.webhook(state) for state in ("done", "done", "ignored", "dead", "pending")]
    life.run(), life.run(*WHOLE), life.run(*LAUNCHED)
    true(engine)
    counting.follow()
    true(engine)
    life.run(*GAVE_UP)
    sent, dead, *_ = life.callbacks("sent", "dead", "again")
    true(engine)
    counting.follow()
    counting.follow()
    true(engine)
    life.inbox.replay(rows[0])
    life.inbox.replay(rows[3])
    life.outbox.replay(sent)
    life.outbox.replay(dead)
    true(engine)
    life.callbacks("dead", "sent")
    for row in (rows[0], rows[3]):
        taken = life.inbox.claim(row)
        assert taken
        life.inbox.finish(taken, "ignored", None)
    true(engine)
    counting.follow()
    true(engine)


def test_a_receiver_that_is_switched_off_and_callbacks_to_it_are_counted(engine: sa.Engine) -> None:
    life, counting = Life(engine), SqlTotals(engine, lag_s=0.0)
    life.run()
    life.outbox.disable(BAD, "Gone.")
    true(engine)
    counting.follow()
    life.run()
    true(engine)
    counting.follow()
    true(engine)


def test_what_a_replay_opens_again_and_what_was_never_over_are_not_the_same(engine: sa.Engine) -> None:
    """A row that is replayed twice, or while it waits, is taken out once."""
    life, counting = Life(engine), SqlTotals(engine, lag_s=0.0)
    row = life.webhook("done")
    counting.follow()
    for _ in range(2):
        life.inbox.replay(row)
        true(engine)
    with pytest.raises(KeyError):
        life.inbox.replay(row + 1)
    true(engine)


def test_a_large_store_is_counted_a_bounded_number_at_a_time(engine: sa.Engine) -> None:
    """Proves: I20."""
    Life(engine).webhook("done")
    many = {"app": "1", "event": "issues", "verified_by": "secret 1", "body": b"", "state": "ignored", "received_at": 1.0}
    with engine.begin() as connection:
        connection.execute(inbox.insert(), [{**many, "delivery": f"old {n}", "done_at": (n + 1) / 3} for n in range(3 * BATCH)])
    counting = SqlTotals(engine, lag_s=0.0)
    assert counting.follow() == 4
    true(engine)
    assert counting.follow() == 1
    assert SqlReading(engine).counts()["slipway_inbox"] == {("done",): 1.0, ("ignored",): 3.0 * BATCH}


def test_a_clock_that_is_set_back_is_noticed(engine: sa.Engine) -> None:
    """Proves: F34. What is over afterwards stands before the mark, and is told all the same."""
    life, counting = Life(engine), SqlTotals(engine, lag_s=0.0)
    life.run(*WHOLE)
    life.webhook("done")
    counting.follow()
    with engine.begin() as connection:
        connection.execute(sa.update(meta).where(meta.c.key.like("counted %")).values(value="9e9"))
    life.run(*GAVE_UP)
    life.webhook("ignored")
    counting.follow()
    true(engine)
    assert counting.follow() == 1


def test_a_reader_sees_one_moment_however_many_questions_it_asks(engine: sa.Engine) -> None:
    """Counters and the mark they go up to belong together."""
    life = Life(engine)

    def twice(connection: sa.Connection) -> tuple[int, int]:
        number = sa.select(sa.func.count()).select_from(inbox)
        before = connection.scalar(number) or 0
        life.webhook("done")
        return before, connection.scalar(number) or 0

    assert read(engine, twice) == (0, 0)
