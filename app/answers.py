"""Everything the webhook ever answers."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app import signature

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_ALWAYS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""For GitHub, which shows no pages: the headers that are for browsers cost a tenth of an answer, and guard nothing here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. `why` is for the audit line; `close` says that the rest of the request is not worth reading."""

    status: int
    verdict: str
    body: bytes
    why: str = ""
    close: bool = False


def _refusal(status: int, why: str, *, close: bool = False) -> Answer:
    return Answer(status, "refused", msgspec.json.encode({"error": why}), why, close)


METHOD = _refusal(405, "only POST is answered here", close=True)
TYPE = _refusal(415, "the content type has to be application/json: choose it in the App's webhook settings", close=True)
ENCODED = _refusal(415, "a content encoding is not taken", close=True)
TOO_LARGE = _refusal(413, "the body is larger than any delivery of GitHub's", close=True)
TOO_SLOW = _refusal(408, "the body did not arrive in time", close=True)
UNSIGNED = {why: _refusal(401, str(why)) for why in signature.Refusal}
HEADERS = _refusal(400, "X-GitHub-Event, X-GitHub-Delivery or the App's id is missing, misshapen or there twice")
MALFORMED = _refusal(400, "the body is not a JSON object in UTF-8")
UNSTORABLE = _refusal(400, "the store cannot hold this delivery")
DOUBT = _refusal(503, "the delivery could not be stored for certain: ask GitHub to redeliver it")
CLOSED = _refusal(503, "this server has no webhook secret yet: finish its set-up", close=True)
GONE = Answer(0, "refused", b"", "the client went away")


def accepted(delivery: str, status: str) -> Answer:
    """202: kept, kept already, or nothing we handle."""
    return Answer(202, status, f'{{"delivery":"{delivery}","status":"{status}"}}'.encode())


async def reply(send: Send, answer: Answer) -> None:
    """Send it."""
    headers = [(b"content-length", str(len(answer.body)).encode()), *_ALWAYS]
    if answer.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
