"""The model broker: an ASGI application on a unix socket. The agent shows it a token that is worth nothing elsewhere.

It pins the provider, lets through only what an agent needs, adds the key, counts what is used and refuses what is over the cap.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

from infra.egress.meter import Meter, Reading
from infra.egress.providers import Upstream

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MOST_BODY = 64 * 1024**2
OURS = frozenset({
    "host", "connection", "transfer-encoding", "content-length", "authorization", "x-api-key", "x-goog-api-key", "accept-encoding",
    "proxy-authorization", "cookie", "forwarded", "x-forwarded-for", "via",
})  # fmt: skip
"""Headers of the agent's that never reach the provider."""
PASSED = frozenset({"content-type", "retry-after", "request-id", "x-request-id", "anthropic-ratelimit-requests-reset"})
"""Headers of the provider's that reach the agent."""
TIMEOUT = httpx.Timeout(600.0, connect=10.0)


class Refusal(Exception):
    """A request the broker answers itself."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.body = json.dumps({"type": "error", "error": {"type": kind, "message": text, "code": status}}).encode()


@dataclass
class Broker:
    """The broker of one launch. `most_tokens` is what is left of the run's cap; None is no cap."""

    upstream: Upstream
    token: str = field(repr=False)
    most_tokens: int | None = None
    meter: Meter = field(default_factory=Meter)
    _client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or live the application's life."""
        if scope["type"] == "lifespan":
            await self._life(receive, send)
        elif scope["type"] == "http":
            await self._answered(scope, receive, send)

    async def _life(self, receive: Receive, send: Send) -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as self._client:
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return

    async def _answered(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            request = self._request(scope, await _body(receive))
            self.meter.requests += 1
            await self._forward(request, send)
        except Refusal as refusal:
            self.meter.refused += 1
            await _send(send, refusal.status, [("content-type", "application/json")], refusal.body)

    def _request(self, scope: Mapping[str, Any], body: bytes) -> httpx.Request:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = _shown(headers, dict(query))
        if not hmac.compare_digest(shown.encode(errors="replace"), self.token.encode()):
            raise Refusal(401, "authentication_error", "This is not the token of this run.")
        path = str(scope["path"])
        if not self.upstream.provider.allows(scope["method"], path):
            raise Refusal(403, "permission_error", f"{scope['method']} {path} is not among what an agent may ask a model provider.")
        if self.most_tokens is not None and self.meter.total >= self.most_tokens:
            raise Refusal(402, "budget_exhausted", "The token budget of this run is used up.")
        kept = {**{name: value for name, value in headers.items() if name not in OURS}, **self.upstream.headers()}
        asked = urlencode([(name, value) for name, value in query if name != "key"])
        return httpx.Request(
            scope["method"], f"{self.upstream.url.rstrip('/')}{path}{'?' + asked if asked else ''}", headers=kept, content=body
        )

    async def _forward(self, request: httpx.Request, send: Send) -> None:
        """Stream the provider's answer through, counting."""
        if self._client is None:
            raise Refusal(503, "api_error", "The broker is not up.")
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise Refusal(529, "overloaded_error", f"The model provider could not be reached ({type(error).__name__}).") from error
        reading = Reading(self.meter)
        headers = [(name, value) for name, value in answer.headers.items() if name in PASSED]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": _encoded(headers)})
        try:
            await self._stream(answer, reading, send)
        finally:
            reading.end()
            await answer.aclose()

    async def _stream(self, answer: httpx.Response, reading: Reading, send: Send) -> None:
        whole = bytearray() if "json" in answer.headers.get("content-type", "") else None
        try:
            async for chunk in answer.aiter_bytes():
                reading.feed(chunk)
                if whole is not None and len(whole) < MOST_BODY:
                    whole += chunk
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except httpx.HTTPError:
            return  # the connection to the agent is cut with it: an answer that broke off may not look complete
        if whole is not None:
            reading.whole(bytes(whole))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _shown(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The token, wherever the agent's client puts its key."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer or query.get("key", "")


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "invalid_request_error", "The request broke off.")
        body += message.get("body", b"")
        if len(body) > MOST_BODY:
            raise Refusal(413, "request_too_large", "The request is larger than any model takes.")
        if not message.get("more_body"):
            return bytes(body)


async def _send(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
