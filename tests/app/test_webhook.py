"""The webhook's door, through the real application object and onto a real store."""

import asyncio
import gzip
import io
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.audit import MOST_LINES, JsonAudit, Line
from app.signature import sign
from app.webhook import Limits, Webhook
from handlers.routes import EVENTS, handles
from infra.store.engine import open_store
from infra.store.inbox import Delivery, SqlInbox
from tests.app.github_says import OTHER, SECRET, Door, headers
from tests.fakes.engine import FakeClock
from tests.payloads.octokit import Example, example, examples

LABELED = example("issues", "labeled")
BODY = json.dumps(LABELED).encode()


class FakeBell:
    """Remembers what was rung for."""

    def __init__(self) -> None:
        self.rung: list[int] = []

    def ring_many(self, function: str, rows: Any) -> None:
        assert function == "intake"
        self.rung.extend(rows)


class Slow:
    """An inbox whose commits wait for a sign; `sizes` is how many rows each had."""

    def __init__(self, inbox: SqlInbox) -> None:
        self.go = threading.Event()
        self.sizes: list[int] = []
        self._inbox = inbox

    def insert(self, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
        self.sizes.append(len(rows))
        self.go.wait(10)
        return self._inbox.insert(rows)


class Broken:
    """An inbox whose disk is gone."""

    def insert(self, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
        raise OSError("no space left on device")


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SqlInbox]:
    engine = open_store(tmp_path)
    yield SqlInbox(engine)
    engine.dispose()


@pytest.fixture
def bell() -> FakeBell:
    return FakeBell()


@pytest.fixture
def door(inbox: SqlInbox, bell: FakeBell) -> Iterator[Door]:
    webhook = Webhook([SECRET], inbox, bell)
    yield Door(webhook)
    webhook.close()


def test_a_signed_delivery_is_a_row_before_it_is_answered_and_a_bell_after(door: Door, inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: I02."""
    answer = door.says("issues", LABELED, delivery="d-1")
    assert (answer.status_code, answer.json()) == (202, {"delivery": "d-1", "status": "accepted"})
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    (row,) = inbox.listing()
    assert (row["app"], row["event"], row["delivery"], row["action"]) == ("4711", "issues", "d-1", "labeled")
    assert (row["verified_by"], row["state"], bell.rung) == ("secret:0", "pending", [row["id"]])
    claimed = inbox.claim(row["id"])
    assert claimed is not None
    assert json.loads(claimed.delivery.body) == LABELED


def test_fifty_of_the_same_delivery_are_one_row_and_one_bell(door: Door, inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: F02, F05."""
    answers = door.post_all([(BODY, headers("issues", BODY, delivery="same"))] * 50)
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["duplicate"] * 49
    assert {answer.status_code for answer in answers} == {202}
    assert len(inbox.listing()) == len(bell.rung) == 1


def test_the_same_id_from_another_app_or_event_is_another_delivery(door: Door, inbox: SqlInbox) -> None:
    """Proves: F06."""
    comment = json.dumps(example("issue_comment", "created")).encode()
    requests = [(BODY, headers("issues", BODY, delivery="x", app="1")), (BODY, headers("issues", BODY, delivery="x", app="2")),
                (comment, headers("issue_comment", comment, delivery="x", app="1"))]  # fmt: skip
    assert [answer.json()["status"] for answer in door.post_all(requests)] == ["accepted"] * 3
    assert len(inbox.listing()) == 3


def test_what_nobody_handles_is_answered_and_not_kept(door: Door, inbox: SqlInbox) -> None:
    """Proves: F16."""
    for event, payload in [("ping", {"zen": "x"}), ("star", {"action": "created"}), ("issues", {"action": "pinned"}), ("brand_new", {})]:
        answer = door.says(event, payload)
        assert (answer.status_code, answer.json()["status"]) == (202, "ignored")
    assert inbox.listing() == []


def test_an_event_of_ours_in_a_shape_nobody_knows_is_kept_for_intake_to_judge(door: Door, inbox: SqlInbox) -> None:
    """Proves: F16."""
    for payload in [{}, {"action": None}, {"action": 5}, {"action": ["labeled"]}, {"action": None, "repository": 3}]:
        assert door.says("issues", payload).json()["status"] == "accepted"
    assert door.says("issues", {**LABELED, "repository": "a string"}).json()["status"] == "accepted"
    assert len(inbox.listing()) == 6


@pytest.mark.parametrize("kind", sorted({one.event for one in examples()}))
def test_every_published_example_is_answered(door: Door, inbox: SqlInbox, kind: str) -> None:
    """Proves: F16."""
    published = [one for one in examples() if one.event == kind]
    bodies = [(one, json.dumps(one.payload).encode()) for one in published]
    answers = door.post_all([(body, headers(one.event, body)) for one, body in bodies])
    for answer, one in zip(answers, published, strict=True):
        expected = "accepted" if handles(one.event, one.action) else "ignored"
        assert (answer.status_code, answer.json()["status"]) == (202, expected), (one.event, one.action)


@pytest.mark.parametrize(
    "one", [one for one in examples() if one.event in EVENTS], ids=lambda one: f"{one.event}-{one.action}-{one.number}"
)
def test_a_missing_or_null_part_is_never_an_error(door: Door, one: Example) -> None:
    """Proves: F16."""
    changed = [{key: value for key, value in one.payload.items() if key != gone} for gone in one.payload]
    changed += [{**one.payload, gone: None} for gone in one.payload]
    bodies = [json.dumps(payload).encode() for payload in changed]
    answers = door.post_all([(body, headers(one.event, body)) for body in bodies])
    assert {answer.status_code for answer in answers} == {202}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": sign(OTHER, BODY).decode()},
        {"x-hub-signature": "sha1=" + "0" * 40},
        {"x-hub-signature-256": "sha256=ÿþ"},
    ],
)
def test_what_is_not_signed_by_our_secret_is_refused_and_not_kept(door: Door, inbox: SqlInbox, given: dict[str, str]) -> None:
    """Proves: F10, T01, I02."""
    unsigned = {name: value for name, value in headers("issues", BODY).items() if name != "x-hub-signature-256"}
    sent = [(name, value.encode("latin-1")) for name, value in {**unsigned, **given}.items()]
    answer = door.post(BODY, sent)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert "signature" in answer.json()["error"]
    assert inbox.listing() == []


def test_two_signatures_are_refused_even_if_one_is_right(door: Door) -> None:
    """Proves: F10."""
    right = headers("issues", BODY)
    assert door.post(BODY, [*right.items(), ("x-hub-signature-256", right["x-hub-signature-256"])]).status_code == 401


def test_both_secrets_are_taken_while_they_change_and_the_row_says_which(inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: F12, 001-47."""
    door = Door(Webhook([SECRET, OTHER], inbox, bell))
    assert door.says("issues", LABELED, secret=SECRET, delivery="old").status_code == 202
    assert door.says("issues", LABELED, secret=OTHER, delivery="new").status_code == 202
    assert {row["delivery"]: row["verified_by"] for row in inbox.listing()} == {"old": "secret:0", "new": "secret:1"}
    assert Door(Webhook([OTHER], inbox, bell)).says("issues", LABELED, secret=SECRET).status_code == 401


@pytest.mark.parametrize("secrets", [[], [b"short"], [SECRET, b"short"], [SECRET, OTHER, SECRET]])
def test_there_is_no_unsigned_mode(inbox: SqlInbox, bell: FakeBell, secrets: list[bytes]) -> None:
    """Proves: T01, 001-46."""
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Webhook(secrets, inbox, bell)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json; charset=utf-7"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 202),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": str(26 * 1024**2)}, 413),
        ({"content-length": "9" * 5000}, 413),
        ({"x-github-event": ""}, 400),
        ({"x-github-event": "Issues\t"}, 400),
        ({"x-github-delivery": ""}, 400),
        ({"x-github-delivery": "a b"}, 400),
        ({"x-github-delivery": "x" * 65}, 400),
        ({"x-github-hook-installation-target-id": "-1"}, 400),
    ],
)
def test_headers_that_github_does_not_send(door: Door, changed: dict[str, str], status: int) -> None:
    """Proves: F10, F11, T02."""
    assert door.post(BODY, {**headers("issues", BODY), **changed}).status_code == status


def test_a_second_event_header_is_not_chosen_between(door: Door) -> None:
    assert door.post(BODY, [*headers("issues", BODY).items(), ("x-github-event", "ping")]).status_code == 400


def test_nothing_but_post_is_answered(door: Door) -> None:
    """The route refuses it, and so does the object itself where it is mounted without one."""

    async def get(app: Any) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            return (await client.get("/webhook")).status_code

    assert asyncio.run(get(door.app)) == 405
    assert asyncio.run(get(door.app.routes[0].app)) == 405  # type: ignore[attr-defined]


DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b'"x"', b"null", DEEP, b"[" * 100_000, b'{"action":NaN}', b'{"x":Infinity}',
     b'{"action":' + b"9" * 5000 + b"}",
     b'{"x":"\\ud800 alone"}',
     b'{"action":"\\udfff"}', b'{"x":"\xff"}', b"\xef\xbb\xbf{}",
     '{"action":"created"}'.encode("utf-16"), b'{"x":1}trailing', gzip.compress(BODY)],
)  # fmt: skip
def test_a_signed_body_that_is_no_json_object_is_malformed(door: Door, inbox: SqlInbox, body: bytes) -> None:
    """Proves: F11, T02."""
    answer = door.post(body, headers("issues", body))
    assert answer.status_code == 400
    assert inbox.listing() == []


def test_numbers_of_any_size_are_no_error(door: Door) -> None:
    """Proves: F11."""
    for body in (b'{"action":"labeled","x":' + b"9" * 100_000 + b"}", b'{"action":"labeled","x":1e999999}'):
        assert door.post(body, headers("issues", body)).status_code == 202


def test_a_body_over_the_cap_is_refused_while_it_arrives(inbox: SqlInbox, bell: FakeBell) -> None:
    """A chunked body states no length, so it is counted. Proves: F11, T02."""
    door = Door(Webhook([SECRET], inbox, bell, limits=Limits(body=1000)))
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(400)
            yield b"x" * 400

    assert door.post(endless(), headers("issues", b"")).status_code == 413
    assert len(sent) <= 4


class Trickle:
    """A client at the ASGI level: what it sends, when, and what it is answered."""

    def __init__(self, body: bytes, *, ends: bool = False, leaves: bool = False) -> None:
        self.answers: list[dict[str, Any]] = []
        self._parts = [body[:10]]
        self._ends, self._leaves = ends, leaves

    async def receive(self) -> dict[str, Any]:
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(), "more_body": not self._ends}
        if self._leaves:
            return {"type": "http.disconnect"}
        await asyncio.sleep(60)
        raise AssertionError("nobody waited that long")

    async def send(self, message: Any) -> None:
        self.answers.append(message)


def scope(given: dict[str, str]) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return {"type": "http", "method": "POST", "headers": raw, "client": ("203.0.113.9", 5)}


def test_a_body_that_does_not_come_is_not_waited_for(inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: F11, T02."""
    client = Trickle(BODY)
    webhook = Webhook([SECRET], inbox, bell, limits=Limits(deadline_s=0.05))
    asyncio.run(webhook(scope(headers("issues", BODY)), client.receive, client.send))
    assert client.answers[0]["status"] == 408


def test_a_client_that_leaves_is_not_answered(inbox: SqlInbox, bell: FakeBell) -> None:
    client = Trickle(BODY, leaves=True)
    asyncio.run(Webhook([SECRET], inbox, bell)(scope(headers("issues", BODY)), client.receive, client.send))
    assert client.answers == []


def test_a_store_in_doubt_is_told_to_github(bell: FakeBell) -> None:
    """Proves: I19, F40, F41."""
    with structlog.testing.capture_logs() as lines:
        answer = Door(Webhook([SECRET], Broken(), bell)).says("issues", LABELED)
    assert (answer.status_code, bell.rung) == (503, [])
    assert "redeliver" in answer.json()["error"]
    assert [line["log_level"] for line in lines] == ["error", "info"]


def test_a_store_that_takes_too_long_is_a_store_in_doubt(inbox: SqlInbox, bell: FakeBell) -> None:
    """The row may be there or not; a redelivery settles it. Proves: F15."""
    slow = Slow(inbox)
    door = Door(Webhook([SECRET], slow, bell, limits=Limits(deadline_s=0.2)))
    assert door.says("issues", LABELED, delivery="late").status_code == 503
    slow.go.set()
    assert door.says("issues", LABELED, delivery="late").status_code == 202


def test_deliveries_that_arrive_during_a_commit_share_the_next_one(inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: G05."""
    slow = Slow(inbox)
    webhook = Webhook([SECRET], slow, bell)
    threading.Timer(0.3, slow.go.set).start()
    bodies = [json.dumps({**LABELED, "n": n}).encode() for n in range(40)]
    answers = Door(webhook).post_all([(body, headers("issues", body)) for body in bodies])
    assert {answer.json()["status"] for answer in answers} == {"accepted"}
    assert sum(slow.sizes) == 40
    assert len(slow.sizes) <= 3
    assert sorted(bell.rung) == sorted(row["id"] for row in inbox.listing())


def test_one_row_the_store_refuses_does_not_fail_its_neighbours(inbox: SqlInbox, bell: FakeBell) -> None:
    class Picky(Slow):
        def insert(self, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
            good = [row for row in rows if row.delivery != "bad"]
            ids = iter(super().insert(good))
            return [(0, False) if row.delivery == "bad" else next(ids) for row in rows]

    picky = Picky(inbox)
    picky.go.set()
    requests = [(BODY, headers("issues", BODY, delivery=name)) for name in ("good", "bad", "fine")]
    answers = Door(Webhook([SECRET], picky, bell)).post_all(requests)
    assert [answer.status_code for answer in answers] == [202, 400, 202]
    assert len(bell.rung) == 2


def test_every_request_is_a_line_of_the_audit_log_and_no_line_has_a_secret(inbox: SqlInbox, bell: FakeBell) -> None:
    """Proves: 002-17, T23, I11."""
    door = Door(Webhook([SECRET], inbox, bell))
    signature = headers("issues", BODY)["x-hub-signature-256"]
    with structlog.testing.capture_logs() as lines:
        door.says("issues", LABELED, delivery="good")
        door.post(BODY, {**headers("issues", BODY, delivery="bad"), "x-hub-signature-256": "sha256=nonsense"})
        door.post(BODY, {**headers("issues", BODY), "content-type": "text/html", "x-github-event": "a" * 500})
    good, bad, odd = lines
    assert good == {
        "event": "webhook", "log_level": "info", "delivery": "good", "github_event": "issues", "action": "labeled",
        "repository": LABELED["repository"]["full_name"], "actor": LABELED["sender"]["login"], "remote": "127.0.0.1",
        "status": 202, "verdict": "accepted", "why": None,
    }  # fmt: skip
    assert (bad["delivery"], bad["verdict"], bad["status"], bad["actor"]) == ("bad", "refused", 401, None)
    assert (odd["status"], len(odd["github_event"])) == (415, 64)
    assert SECRET.decode() not in str(lines)
    assert signature not in str(lines)
    assert "nonsense" not in str(lines)


def test_requests_are_counted_by_verdict(inbox: SqlInbox, bell: FakeBell) -> None:
    webhook = Webhook([SECRET], inbox, bell)
    for _ in range(2):
        Door(webhook).says("issues", LABELED, delivery="one")
    Door(webhook).says("ping", {})
    assert webhook.counts == {"accepted": 1, "duplicate": 1, "ignored": 1}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode), st.sampled_from([*sorted(EVENTS), "ping", "x"]), st.booleans())
def test_no_body_is_an_error_of_ours(door: Door, body: bytes, event: str, signed: bool) -> None:
    """Proves: F10, F11, T01, T02."""
    given_headers = headers(event, body, secret=SECRET if signed else OTHER)
    status = door.post(body, given_headers).status_code
    assert status in ((202, 400) if signed else (401,))


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["action", "issue", "repository", "sender", "label", "comment", "x"]), JSON),
    st.sampled_from(sorted(EVENTS)),
)
def test_no_shape_of_a_signed_payload_is_an_error_of_ours(door: Door, payload: dict[str, Any], event: str) -> None:
    """Proves: F16."""
    assert door.says(event, payload).status_code == 202


def test_a_large_delivery_is_taken_whole(door: Door, inbox: SqlInbox) -> None:
    """As large as GitHub sends them. Proves: G05."""
    body = json.dumps({**LABELED, "filler": "ä" * (8 * 1024**2)}, ensure_ascii=False).encode()
    assert door.post(body, headers("issues", body)).status_code == 202
    (row,) = inbox.listing()
    claimed = inbox.claim(row["id"])
    assert claimed is not None
    assert claimed.delivery.body == body


class Written(io.BytesIO):
    """A stream that remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    def write(self, data: Any) -> int:
        if data:
            self.writes.append(bytes(data).count(b"\n"))
        return super().write(data)


def test_audit_lines_are_written_together_and_never_too_many() -> None:
    """Proves: 002-10. Those of one turn of the loop in one write; a flood in several, so that what is kept is bounded."""
    stream = Written()

    async def turn() -> None:
        audit = JsonAudit(stream, FakeClock(1_700_000_000.5))
        for number in range(2 * MOST_LINES + 3):
            audit.note(Line(str(number), "issues", None, None, None, None, 202, "accepted", None))
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert stream.writes == [MOST_LINES, MOST_LINES, 3]
    assert [json.loads(line)["delivery"] for line in stream.getvalue().splitlines()] == [
        str(number) for number in range(2 * MOST_LINES + 3)
    ]


def test_the_audit_log_as_json_is_whole_lines_in_their_order(inbox: SqlInbox, bell: FakeBell, tmp_path: Path) -> None:
    """Proves: 002-17, T23."""
    with (tmp_path / "log").open("wb") as log:
        door = Door(Webhook([SECRET], inbox, bell, audit=JsonAudit(log, FakeClock(1_700_000_000.5))))
        door.says("ping", {}, delivery="one")
        odd = {**headers("issues", BODY, delivery="two"), "content-type": "text/html", "x-github-event": '"}\\n{"verdict":"accepted"'}
        door.post(BODY, odd)
    first, second = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert first == {
        "delivery": "one", "github_event": "ping", "action": None, "repository": None, "actor": None, "remote": "127.0.0.1", "status": 202,
        "verdict": "ignored", "why": None, "event": "webhook", "logger": "slipway.webhook", "level": "info",
        "timestamp": "2023-11-14T22:13:20.500000Z",
    }  # fmt: skip
    assert (second["delivery"], second["verdict"], second["github_event"]) == ("two", "refused", '"}\\n{"verdict":"accepted"')
