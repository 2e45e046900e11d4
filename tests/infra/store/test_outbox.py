"""Callbacks: at least once, same id and bytes, and one bad receiver is nobody else's trouble."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from infra.store.outbox import SqlOutbox
from infra.store.runs import SqlRuns
from infra.store.schema import endpoint
from infra.store.schema import outbox as table
from jobs.errors import UserError
from jobs.events import Event
from jobs.model import Run
from tests.infra.store.asked import RULES, asked

GOOD, BAD = "https://good.example/hook", "https://bad.example/hook"


@dataclass(frozen=True)
class Told:
    id: str
    type: str
    url: str
    body: bytes


def both(run: Run, event: Event, at: float) -> list[Told]:
    return [Told(f"msg_{name}_{run.id}", "run.queued", url, b'{"n": 1}') for name, url in (("good", GOOD), ("bad", BAD))]


@pytest.fixture
def outbox(engine: sa.Engine) -> SqlOutbox:
    SqlRuns(engine, messages=both).start(asked(), RULES)
    return SqlOutbox(engine)


def _ids(outbox: SqlOutbox) -> dict[str, str]:
    return {row["url"]: row["id"] for row in outbox.listing()}


def test_a_callback_is_sent_once_it_is_claimed_and_said_yes_to(outbox: SqlOutbox) -> None:
    """Proves: I10."""
    ids = _ids(outbox)
    assert sorted(outbox.due()) == sorted(ids.values())
    row = outbox.claim(ids[GOOD])
    assert (row.url, row.body, row.tries) == (GOOD, b'{"n": 1}', 1)
    assert outbox.claim(ids[GOOD]) is None
    outbox.sent(row, 204)
    assert (outbox.claim(ids[GOOD]), outbox.due()) == (None, [ids[BAD]])


def test_every_try_has_the_same_id_and_bytes(engine: sa.Engine, outbox: SqlOutbox) -> None:
    """Proves: I10, F99."""
    row_id = _ids(outbox)[BAD]
    first = outbox.claim(row_id)
    outbox.failed(first, 500, "server error", 1.0)
    second = outbox.claim(row_id)
    _expire(engine)
    third = outbox.claim(row_id)
    assert {(row.id, row.body) for row in (first, second, third)} == {(row_id, b'{"n": 1}')}
    outbox.failed(second, None, "late word of a worker that lost it", None)
    outbox.sent(third, 200)
    assert outbox.listing("sent")[0]["tries"] == 3


def test_a_dead_letter_is_kept_and_replayed_on_a_fresh_schedule(outbox: SqlOutbox) -> None:
    """Proves: I10, F102, 002-21."""
    row_id = _ids(outbox)[BAD]
    outbox.failed(outbox.claim(row_id), 400, "bad request", None)
    assert [row["id"] for row in outbox.listing("dead")] == [row_id]
    assert outbox.claim(row_id) is None
    outbox.replay(row_id)
    assert outbox.claim(row_id).tries == 1
    with pytest.raises(KeyError):
        outbox.replay("none")


def test_old_bodies_go_and_dead_letters_stay_whole(outbox: SqlOutbox) -> None:
    ids = _ids(outbox)
    outbox.sent(outbox.claim(ids[GOOD]), 204)
    outbox.failed(outbox.claim(ids[BAD]), 400, "bad request", None)
    assert [outbox.compact(older_than_s=3600), outbox.compact(older_than_s=-60), outbox.compact(older_than_s=-60)] == [0, 1, 0]
    outbox.replay(ids[BAD])
    assert outbox.claim(ids[BAD]).body == b'{"n": 1}'
    with pytest.raises(UserError, match="not kept any more"):
        outbox.replay(ids[GOOD])
    assert {row["id"]: row["state"] for row in outbox.listing()}[ids[GOOD]] == "sent"


def test_a_try_comes_at_its_time(outbox: SqlOutbox) -> None:
    row_id = _ids(outbox)[BAD]
    outbox.failed(outbox.claim(row_id), 503, "busy", 9e9)
    assert (outbox.claim(row_id), row_id in outbox.due()) == (None, False)


def test_a_receiver_that_asks_for_patience_gets_it_and_no_other(outbox: SqlOutbox) -> None:
    """Proves: F96."""
    ids = _ids(outbox)
    outbox.slow_down(BAD, 9e9)
    assert (outbox.due(), outbox.claim(ids[BAD])) == ([ids[GOOD]], None)
    outbox.slow_down(BAD, 1.0)
    assert outbox.claim(ids[BAD])


def test_a_receiver_that_is_gone_is_asked_no_more_until_a_replay(outbox: SqlOutbox) -> None:
    """Proves: F96."""
    ids = _ids(outbox)
    assert outbox.disable(BAD, "It answered 410 Gone.") == 1
    [dead] = outbox.listing("dead")
    assert (dead["id"], dead["last_error"]) == (ids[BAD], "It answered 410 Gone.")
    outbox.replay(ids[BAD])
    assert outbox.claim(ids[BAD])


def test_what_is_said_to_a_closed_receiver_is_a_dead_letter_at_once(engine: sa.Engine, outbox: SqlOutbox) -> None:
    """Proves: F102, I10."""
    outbox.disable(BAD, "It answered 410 Gone.")
    later, _ = SqlRuns(engine, messages=both).start(asked("k2", number=8), RULES)
    states = {row["url"]: row["state"] for row in outbox.listing(run_id=later.id)}
    assert states == {GOOD: "pending", BAD: "dead"}


def test_five_days_of_failure_close_a_receiver_and_one_yes_forgets_them(engine: sa.Engine, outbox: SqlOutbox) -> None:
    """Proves: F102."""
    ids = _ids(outbox)
    for url in (GOOD, BAD):
        outbox.failed(outbox.claim(ids[url]), 500, "server error", 1.0)
    outbox.sent(outbox.claim(ids[GOOD]), 200)
    with engine.begin() as connection:
        connection.execute(sa.update(endpoint).where(endpoint.c.failing_since.is_not(None)).values(failing_since=1.0))
    assert outbox.failed(outbox.claim(ids[BAD]), 500, "server error", 1.0) is True
    assert {row["url"]: row["state"] for row in outbox.listing()} == {GOOD: "sent", BAD: "dead"}


def _expire(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(table).values(lease_until=0.0))


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_stored(engine: sa.Engine, outbox: SqlOutbox) -> None:
    """A receiver's address may be a secret, and errors are logged."""
    row = next(iter(outbox.listing()))
    with pytest.raises(sa.exc.IntegrityError) as refusal, engine.begin() as connection:
        connection.execute(table.insert(), [{**row, "body": b"private", "url": "https://receiver.example/private"}])
    assert "private" not in str(refusal.value)
