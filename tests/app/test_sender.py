"""Callbacks from the outbox to a receiver, through the real store and real connections."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.relay import Sender
from delivery.callbacks import Callbacks
from infra.clock import SystemClock
from infra.courier import Answer, Courier, Undelivered
from infra.store.engine import open_store
from infra.store.outbox import SqlOutbox
from infra.store.runs import SqlRuns
from jobs.model import Run
from jobs.rules import CallbackRule
from tests.delivery import runs
from tests.fakes.engine import FakeClock
from tests.infra.receivers import Answering, receiver, status

SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()


class Desk:
    """An outbox with one callback in it, and a courier that may go to its receiver; time passes from try to try."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(SystemClock().now())
        self.engine = open_store(folder, clock=self.clock)
        self.outbox = SqlOutbox(self.engine)

    def ask(self, url: str, courier: Any = None) -> Run:
        """A run is queued, and the receiver at `url` is to be told."""
        self.runs = SqlRuns(self.engine, messages=Callbacks((CallbackRule(url=url),)))
        address = url.removeprefix("http://").split("/")[0]
        self.sender = Sender(self.outbox, courier or Courier((SECRET,), SystemClock(), frozenset({address})), self.clock)
        run, _ = self.runs.start(runs.request(), runs.rules())
        return run

    @property
    def row(self) -> dict[str, Any]:
        """The oldest callback."""
        return self.outbox.listing()[-1]

    def send(self) -> None:
        """Its next try, when the time has come."""
        self.clock.at = max(self.clock.at, self.row["next_at"])
        self.sender.send(self.row["id"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.engine.dispose()


def test_a_queued_run_is_told_once_and_verifies(desk: Desk) -> None:
    """Proves: 002-21, I10."""
    with receiver() as there:
        run = desk.ask(there.url)
        desk.send()
        desk.send()
    [(_, headers, body)] = there.got
    told = Webhook(SECRET).verify(body, headers)
    assert (told["type"], told["data"]["run"]["id"]) == ("run.queued", run.id)
    assert headers["webhook-id"] == desk.row["id"]
    assert (desk.row["state"], desk.row["last_status"]) == ("sent", 204)


def in_turn(*answers: Answering) -> Answering:
    left = iter(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        next(left)(handler)

    return answer


def test_a_receiver_that_fails_is_tried_again_with_the_same_id_and_bytes(desk: Desk) -> None:
    """Proves: F96, F97, F99, I10, 002-21."""
    with receiver(in_turn(status(500), status(302, Location="http://127.0.0.1:1/"), status(204))) as there:
        desk.ask(there.url)
        for state in ("pending", "pending", "sent"):
            desk.send()
            assert desk.row["state"] == state
    assert len({(headers["webhook-id"], body) for _, headers, body in there.got}) == 1
    assert len(there.got) == 3


def test_after_the_last_try_there_is_a_dead_letter_that_can_be_sent_again(desk: Desk) -> None:
    """Proves: F102, I10, 002-21."""
    with receiver(in_turn(*[status(500)] * 10, status(204))) as there:
        desk.ask(there.url)
        for _ in range(10):
            assert desk.row["state"] == "pending"
            desk.send()
        assert (desk.row["state"], desk.row["last_error"]) == ("dead", "The receiver answered 500.")
        desk.outbox.replay(desk.row["id"])
        desk.send()
    assert desk.row["state"] == "sent"


def test_a_receiver_that_failed_for_five_days_is_asked_no_more_and_that_is_told(desk: Desk) -> None:
    """Proves: F102, I09."""
    desk.ask("http://127.0.0.1:9/hook", Scripted(Undelivered("Nobody there.")))
    desk.send()
    desk.clock.at += 5 * 86400 + 1
    desk.send()
    assert desk.row["state"] == "dead"
    assert "five days" in desk.row["last_error"]


def test_a_receiver_that_is_gone_gets_nothing_more(desk: Desk) -> None:
    """Proves: F96."""
    with receiver(status(410)) as there:
        run = desk.ask(there.url)
        desk.send()
        desk.runs.stop(run.id, "ada", "enough")
        for row in desk.outbox.listing():
            desk.sender.send(row["id"])
    assert len(there.got) == 1
    assert desk.row["state"] == "dead"


def test_a_receiver_at_a_private_address_is_a_dead_letter_at_once(desk: Desk) -> None:
    """Proves: F98, T31."""
    with receiver() as there:
        desk.ask(there.url, Courier((SECRET,), SystemClock()))
        desk.send()
    assert there.got == []
    assert desk.row["state"] == "dead"
    assert "SLIPWAY_CALLBACK_ALLOW_HOSTS" in desk.row["last_error"]


class Scripted:
    """A courier that says what it is told to."""

    def __init__(self, said: Answer | Exception) -> None:
        self.said = said

    def post(self, message_id: str, url: str, body: bytes) -> Answer:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def test_a_receiver_that_asks_for_patience_gets_it(desk: Desk) -> None:
    """Proves: F96, I14."""
    desk.ask("http://127.0.0.1:9/hook", Scripted(Answer(429, 3600.0)))
    desk.send()
    desk.clock.at += 3599
    assert desk.outbox.due() == []
    desk.clock.at += 2
    assert desk.outbox.due() == [desk.row["id"]]


def test_what_happened_is_kept_with_the_callback(desk: Desk) -> None:
    """Proves: I09, 002-21."""
    desk.ask("http://127.0.0.1:9/hook", Scripted(Undelivered("The receiver did not answer in time.")))
    desk.send()
    assert (desk.row["state"], desk.row["last_status"]) == ("pending", None)
    assert desk.row["last_error"] == "The receiver did not answer in time."


def test_nothing_to_send_is_nothing_done(desk: Desk) -> None:
    Sender(desk.outbox, Scripted(AssertionError("nothing should be sent")), desk.clock).send("msg_unknown")
