"""The model broker: an ASGI application on a unix socket. The agent shows it a token that is worth nothing elsewhere.

It pins the provider, lets through only what an agent needs, adds the key, counts what is used and refuses what is over the cap.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from infra.egress import asking
from infra.egress.asking import Refusal
from infra.egress.meter import Meter, Reading
from infra.egress.providers import Upstream
from infra.egress.veil import Veil

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MOST_BODY = 32 * 1000**2
PASSED = frozenset({"content-type", "retry-after", "request-id", "x-request-id", "anthropic-ratelimit-requests-reset"})
"""Headers of the provider's that reach the agent."""
TIMEOUT = httpx.Timeout(600.0, connect=10.0)
LANES = 8
"""Requests under way at the same time."""
SHARE = 100_000
"""Tokens of the cap that have to be left for each request under way but the first: near the cap they go one at a time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one launch may ask for.

    `most_tokens` is what is left of the run's cap, `most_turns` how often the model may answer; None is no cap. `web` says that the
    provider may reach out in the run's place, as the run itself may. `price` tells what the dearest token of a model costs and `most_price`
    what one may; None is no bound.
    """

    most_tokens: int | None = None
    web: bool = False
    most_price: float | None = None
    most_turns: int | None = None
    price: Callable[[str], float | None] = lambda model: None


@dataclass
class Broker:
    """The broker of one launch."""

    upstream: Upstream
    token: str = field(repr=False)
    terms: Terms = field(default_factory=Terms)
    meter: Meter = field(default_factory=Meter)
    _client: httpx.AsyncClient | None = None
    _turn: asyncio.Condition = field(default_factory=asyncio.Condition)
    _under_way: int = 0

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
            shown = self._admitted(scope)
            async with self._lane():
                request, model = self._request(scope, shown, await _body(receive))
                self.meter.requests += 1
                await self._forward(request, model, send)
        except Refusal as refusal:
            self.meter.refused += 1
            await _send(send, refusal.status, [("content-type", "application/json")], refusal.body)

    def _admitted(self, scope: Mapping[str, Any]) -> Mapping[str, str]:
        """The headers of a request that has the token and asks for something an agent needs."""
        shown = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        token = _token(shown, dict(parse_qsl(scope["query_string"].decode("latin-1"))))
        if not hmac.compare_digest(token.encode(errors="replace"), self.token.encode()):
            raise Refusal(401, "authentication_error", "This is not the token of this run.")
        if not self.upstream.provider.allows(scope["method"], str(scope["path"])):
            text = f"{scope['method']} {str(scope['path'])[:200]} is not among what an agent may ask a model provider."
            raise Refusal(403, "permission_error", text)
        return shown

    @contextlib.asynccontextmanager
    async def _lane(self) -> AsyncIterator[None]:
        """A turn among the requests under way: each could use up what the others were admitted for. Raises Refusal over the cap."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._under_way < self._lanes())
            if self.terms.most_tokens is not None and self.meter.total >= self.terms.most_tokens:
                raise Refusal(402, "budget_exhausted", "The token budget of this run is used up.")
            if self.terms.most_turns is not None and self.meter.answered >= self.terms.most_turns:
                raise Refusal(402, "turn_limit", f"The model has answered this launch {self.meter.answered} times, as often as it may.")
            self._under_way += 1
        try:
            yield
        finally:
            async with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def _lanes(self) -> int:
        most = self.terms.most_tokens
        return LANES if most is None else max(1, min(LANES, (most - self.meter.total) // SHARE))

    def _request(self, scope: Mapping[str, Any], shown: Mapping[str, str], data: bytes) -> tuple[httpx.Request, str]:
        """What goes on to the provider, and the model it asks for."""
        provider, path, content, model = self.upstream.provider, str(scope["path"]), b"", ""
        if scope["method"] == "POST":
            body = asking.parsed(data)
            model = str(body.get("model") or path.rpartition("/")[2].partition(":")[0])
            self._affordable(model)
            content = asking.passed_on(provider.name, body, web=self.terms.web)
        asked = asking.query(scope["query_string"].decode("latin-1"))
        url = f"{self.upstream.url.rstrip('/')}{path}{'?' + asked if asked else ''}"
        headers = {**asking.headers(shown), **self.upstream.headers()}
        return httpx.Request(scope["method"], url, headers=headers, content=content), model

    def _affordable(self, model: str) -> None:
        """A cap in tokens was worked out for one model: a dearer one would cost more than the run may."""
        price = self.terms.price(model)
        if self.terms.most_price is not None and price is not None and price > self.terms.most_price:
            text = f"{model[:100]} is dearer than the model this run's budget was set for. Name it as the `model` of the agent."
            raise Refusal(403, "permission_error", text)

    async def _forward(self, request: httpx.Request, model: str, send: Send) -> None:
        """Stream the provider's answer through, counting."""
        if self._client is None:
            raise Refusal(503, "api_error", "The broker is not up.")
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise Refusal(529, "overloaded_error", f"The model provider could not be reached ({type(error).__name__}).") from error
        self.meter.answered += request.method == "POST" and answer.is_success
        reading, veil = Reading(self.meter, model), Veil(self.upstream.key)
        headers = [(name, veil.text(value)) for name, value in answer.headers.items() if name in PASSED]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": _encoded(headers)})
        try:
            await self._stream(answer, reading, veil, send)
        finally:
            reading.end()
            await answer.aclose()

    async def _stream(self, answer: httpx.Response, reading: Reading, veil: Veil, send: Send) -> None:
        whole = bytearray() if "json" in answer.headers.get("content-type", "") else None
        try:
            async for chunk in answer.aiter_bytes():
                reading.feed(chunk)
                if whole is not None and len(whole) < MOST_BODY:
                    whole += chunk
                await send({"type": "http.response.body", "body": veil.over(chunk), "more_body": True})
        except httpx.HTTPError:
            return  # the connection to the agent is cut with it: an answer that broke off may not look complete
        if whole is not None:
            reading.whole(bytes(whole))
        await send({"type": "http.response.body", "body": veil.rest(), "more_body": False})


def _token(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
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
