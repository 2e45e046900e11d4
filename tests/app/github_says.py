"""GitHub as a client of ours: signed deliveries, sent to the real application object."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from app.signature import sign
from app.webhook import Webhook

SECRET = b"a secret of more than thirty-two bytes"
OTHER = b"the other secret, also long enough for two"


def headers(event: str, body: bytes, *, delivery: str | None = None, secret: bytes = SECRET, app: str | None = "4711") -> dict[str, str]:
    """What GitHub sends with a body."""
    return {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery or str(uuid.uuid4()),
        "x-hub-signature-256": sign(secret, body).decode(),
        **({"x-github-hook-installation-target-id": app} if app else {}),
    }


class Door:
    """Posts to `/webhook` of an application that has nothing else."""

    def __init__(self, webhook: Webhook) -> None:
        self.app = Starlette(routes=[Route("/webhook", webhook, methods=["POST"])])

    def post(self, body: bytes | AsyncIterator[bytes], given: Mapping[str, str] | list[tuple[str, str]]) -> httpx.Response:
        return self.post_all([(body, given)])[0]

    def post_all(
        self, requests: Iterable[tuple[bytes | AsyncIterator[bytes], Mapping[str, str] | list[tuple[str, str]]]]
    ) -> list[httpx.Response]:
        """All at once."""

        async def together() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://slipway.example") as client:
                return await asyncio.gather(*(client.post("/webhook", content=body, headers=given) for body, given in requests))

        return asyncio.run(together())

    def says(self, event: str, payload: Mapping[str, Any], **given: Any) -> httpx.Response:
        body = json.dumps(payload).encode()
        return self.post(body, headers(event, body, **given))
