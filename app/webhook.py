"""`POST /webhook`: is it GitHub, is it whole, do we handle it; then one durable row, and only then 202.

A bare ASGI object: everything Starlette would do for a request costs more than the whole delivery.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog

from app import answers, signature
from app.answers import Answer, Send, accepted, reply
from app.audit import Line, SharedAudit
from app.group_commit import Bell, GroupCommit, Inbox
from handlers import routes
from infra.store.doubt import StoreInDoubt
from infra.store.inbox import Delivery

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Headers = Mapping[bytes, bytes]

EVENT, DELIVERY, APP = b"x-github-event", b"x-github-delivery", b"x-github-hook-installation-target-id"
CONTENT_TYPES = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
_EVENT_NAME = re.compile(rb"[a-z0-9_]{1,64}")
_DELIVERY_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")
_APP_ID = re.compile(rb"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Limits:
    """GitHub sends at most 25 MB and waits ten seconds for an answer; ours comes before that."""

    body: int = 25 * 1024**2 + 64 * 1024
    deadline_s: float = 8.0


class Audit(Protocol):
    """Where one line for each request goes."""

    def note(self, line: Line) -> None:
        """Write the line."""
        ...


class _Named(msgspec.Struct):
    full_name: str


class _Login(msgspec.Struct):
    login: str


class _Envelope(msgspec.Struct):
    """What routing and audit look at; everything else is skipped unread."""

    action: str | None = None
    repository: _Named | None = None
    sender: _Login | None = None


_DECODER = msgspec.json.Decoder(_Envelope)
_NOTHING = _Envelope()


class Refused(Exception):
    """The request goes no further."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.why)
        self.answer = answer


@dataclass(slots=True, eq=False)
class _Request:
    """What is known of a request so far: the audit line is made from it, however early it ends."""

    remote: str | None
    headers: Headers
    doubled: Sequence[bytes]
    envelope: _Envelope
    read: bool = False
    overdue: "asyncio.Task[Any] | None" = None

    def late(self, task: "asyncio.Task[Any] | None") -> None:
        """The time is up."""
        self.overdue = task
        if task is not None:
            task.cancel()

    def caught_up(self) -> bool:
        """Whether it was us who cancelled the task, and nobody else beside us."""
        return self.overdue is not None and self.overdue.uncancel() == 0


class Webhook:
    """The ASGI application of the route. `counts` holds how many requests came to which verdict.

    Raises ValueError without a secret of at least 32 bytes: there is no unsigned mode.
    """

    def __init__(
        self, secrets: Sequence[bytes], inbox: Inbox, bell: Bell, *, limits: Limits | None = None, audit: Audit | None = None
    ) -> None:
        if not 1 <= len(secrets) <= 2 or min(map(len, secrets)) < signature.LEAST_SECRET:
            raise ValueError(f"one or two webhook secrets of at least {signature.LEAST_SECRET} bytes are needed")
        self._secrets = tuple(secrets)
        self._commits = GroupCommit(inbox, bell)
        self._limits = limits or Limits()
        self._audit = audit or SharedAudit()
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; every one of them, however it ends, is a line of the audit log."""
        request = _request(scope)
        try:
            answer = await self._in_time(scope, request, receive)
        except Refused as refused:
            answer = refused.answer
        except StoreInDoubt as doubt:
            structlog.get_logger("slipway.webhook").error("a delivery could not be stored", text=str(doubt))
            answer = answers.DOUBT
        except Exception as error:  # noqa: BLE001 - whatever it is, GitHub has to know that the delivery may not be kept
            structlog.get_logger("slipway.webhook").error("a delivery could not be stored", exc_info=error)
            answer = answers.DOUBT
        self._note(request, answer)
        if answer is not answers.GONE:
            await reply(send, answer)

    def close(self) -> None:
        """Finish the commit in flight."""
        self._commits.close()

    async def _in_time(self, scope: Mapping[str, Any], request: _Request, receive: Receive) -> Answer:
        """One timer for a request, as `asyncio.timeout` has it, at a fraction of its price."""
        alarm = asyncio.get_running_loop().call_later(self._limits.deadline_s, request.late, asyncio.current_task())
        try:
            return await self._answer(scope, request, receive)
        except asyncio.CancelledError:
            if not request.caught_up():
                raise
            return answers.DOUBT if request.read else answers.TOO_SLOW
        finally:
            alarm.cancel()

    async def _answer(self, scope: Mapping[str, Any], request: _Request, receive: Receive) -> Answer:
        _acceptable(scope["method"], request.headers, self._limits.body)
        body = await _body(receive, self._limits.body)
        request.read = True
        secret = self._signed(request, body)
        event, delivery, app = _identity(request)
        request.envelope = envelope = _opened(body)
        if not routes.handles(event, envelope.action):
            return accepted(delivery, "ignored")
        row = Delivery(app, event, delivery, envelope.action, request.remote, f"secret:{secret}", body)
        row_id, new = await self._commits.insert(row)
        if not row_id:
            return answers.UNSTORABLE
        return accepted(delivery, "accepted" if new else "duplicate")

    def _signed(self, request: _Request, body: bytes) -> int:
        """The index of the secret that signed the body."""
        given = request.headers.get(signature.HEADER)
        many = 2 if signature.HEADER in request.doubled else 1
        verdict = signature.verify(self._secrets, [given] * many if given is not None else [], body)
        if isinstance(verdict, signature.Refusal):
            raise Refused(answers.UNSIGNED[verdict])
        return verdict

    def _note(self, request: _Request, answer: Answer) -> None:
        self.counts[answer.verdict] += 1
        envelope, headers = request.envelope, request.headers
        repository = envelope.repository.full_name if envelope.repository else None
        actor = envelope.sender.login if envelope.sender else None
        delivery, event = _shown(headers.get(DELIVERY)), _shown(headers.get(EVENT))
        why = answer.why or None
        self._audit.note(Line(delivery, event, envelope.action, repository, actor, request.remote, answer.status, answer.verdict, why))


async def closed(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of the route while there is no secret: everything is refused, and GitHub told to come back."""
    await reply(send, answers.CLOSED)


def _request(scope: Mapping[str, Any]) -> _Request:
    headers, client = dict(scope["headers"]), scope.get("client")
    doubled: Sequence[bytes] = ()
    if len(headers) != len(scope["headers"]):
        doubled = [name for name, many in Counter(name for name, _ in scope["headers"]).items() if many > 1]
    return _Request(client[0] if client else None, headers, doubled, _NOTHING)


def _acceptable(method: str, headers: Headers, most: int) -> None:
    """Everything that can be refused before a byte of the body is read."""
    if method != "POST":
        raise Refused(answers.METHOD)
    if headers.get(b"content-type", b"").lower() not in CONTENT_TYPES:
        raise Refused(answers.TYPE)
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused(answers.ENCODED)
    length = headers.get(b"content-length", b"0")
    if len(length) > 20 or not length.isdigit() or int(length) > most:
        raise Refused(answers.TOO_LARGE)


async def _body(receive: Receive, most: int) -> bytes:
    """The whole body, counted as it arrives: a chunked one states no length, and a stated one may be a lie."""
    chunks: list[bytes] = []
    left = most
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(answers.GONE)
        chunk = message.get("body", b"")
        left -= len(chunk)
        if left < 0:
            raise Refused(answers.TOO_LARGE)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _identity(request: _Request) -> tuple[str, str, str]:
    """Event, delivery and App: what makes a redelivery the same one."""
    headers = request.headers
    event, delivery, app = headers.get(EVENT, b""), headers.get(DELIVERY, b""), headers.get(APP, b"0")
    wellformed = _EVENT_NAME.fullmatch(event) and _DELIVERY_ID.fullmatch(delivery) and _APP_ID.fullmatch(app)
    if not wellformed or (request.doubled and not {EVENT, DELIVERY, APP}.isdisjoint(request.doubled)):
        raise Refused(answers.HEADERS)
    return event.decode(), delivery.decode(), app.decode()


def _opened(body: bytes) -> _Envelope:
    """The outermost part of a payload. A part with another shape than GitHub's reads as missing: intake says what is wrong with it."""
    try:
        if not body.isascii():
            body.decode()
        return _DECODER.decode(body)
    except msgspec.ValidationError:
        return _loosely(body)
    except (ValueError, RecursionError) as error:
        raise Refused(answers.MALFORMED) from error


def _loosely(body: bytes) -> _Envelope:
    try:
        payload = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise Refused(answers.MALFORMED) from error
    if not isinstance(payload, dict):
        raise Refused(answers.MALFORMED)
    action = payload.get("action")
    return _Envelope(action=action if isinstance(action, str) else None)


def _shown(value: bytes | None) -> str | None:
    """A header of whoever sent it, bounded, for a structured log that escapes it."""
    return value[:64].decode("latin-1") if value is not None else None
