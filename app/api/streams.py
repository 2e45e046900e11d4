"""Live events over SSE: read from the event table by sequence number, so that a stream can be taken up again where it broke."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.operation import Ask
from app.api.ports import Desk
from app.api.reading import reached
from jobs.model import FINAL

POLL_S = 0.5
BATCH = 200
PING_S = 15
CLOSING_S = 2.0
UNREAD_S = 30.0
"""How long a listener may leave unread what was sent before the stream is cut; it is not kept for them meanwhile."""
Load = Callable[[int], Sequence[Mapping[str, Any]]]


async def pause(closing: anyio.Event, seconds: float) -> None:
    """Wait so long, or until the server closes."""
    with anyio.move_on_after(seconds):
        await closing.wait()


def sse(messages: AsyncIterator[ServerSentEvent], closing: anyio.Event) -> Response:
    """The messages as a stream that ends by itself when the server closes: a browser then connects to whoever comes next."""
    return EventSourceResponse(
        messages,
        ping=PING_S,
        headers={"X-Accel-Buffering": "no"},
        send_timeout=UNREAD_S,
        shutdown_event=closing,
        shutdown_grace_period=CLOSING_S,
    )


async def follow(load: Load, after: int, state: str, closing: anyio.Event) -> AsyncIterator[Mapping[str, Any]]:
    """Events after `after` as they are stored, until the run is final and all are told. `state` is the run's when the stream began."""
    while not closing.is_set():
        batch = await run_in_threadpool(load, after)
        for event in batch:
            yield event
            after, state = event["seq"], event["state"]
        if not batch and state in FINAL:
            return
        if not batch:
            await pause(closing, POLL_S)


async def told(events: AsyncIterator[Mapping[str, Any]], closing: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """Events as they go over the wire, and an `end` that says: do not connect again."""
    async for event in events:
        yield ServerSentEvent(json.dumps(event, ensure_ascii=False), event=event["type"], id=str(event["seq"]))
    if not closing.is_set():
        yield ServerSentEvent("{}", event="end")


def stream(desk: Desk, ask: Ask) -> Response:
    """A run's events as they happen, from `Last-Event-ID` or `after` on."""
    run = reached(desk, ask)
    after, closing = _after(ask), anyio.Event()
    events = follow(lambda seq: desk.reading.events(run.id, after=seq, limit=BATCH), after, run.state, closing)
    return desk.seats.seated(sse(told(events, closing), closing))


def _after(ask: Ask) -> int:
    last = ask.headers.get("last-event-id", "")
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else int(ask.query["after"])
