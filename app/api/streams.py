"""Live events over SSE: read from the event table by sequence number, so that a stream can be taken up again where it broke."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.operation import Ask
from app.api.ports import Desk, Reading
from app.api.reading import reached
from app.api.watching import Watch
from jobs.model import FINAL

BATCH = 200
PING_S = 15
CLOSING_S = 2.0
UNREAD_S = 30.0
"""How long a listener may leave unread what was sent before the stream is cut; it is not kept for them meanwhile."""
ACTIVITY = "activity"
SAYS = (
    "Each stored event under its `type`, with its `seq` as the id to go on from; `activity` for a line of what an agent does at the moment "
    "(`seq`, `at`, `attempt`, `step`, `iteration`, `kind`, `text`), which is not kept for long and has no id; and `end` after the last."
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener has: the last event, the last line of an agent's, and the state of the run when they came."""

    event: int
    line: int
    state: str


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


async def told(reading: Reading, watch: Watch, run_id: str, heard: Heard, closing: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """Events as they are stored, what agents do meanwhile, and, once the run is final and all is told, an `end`: do not connect again.

    What an agent does has no id, so that whoever connects again goes on after the last event they have.
    """
    after, line, state = heard.event, heard.line, heard.state
    while not closing.is_set():
        turn = watch.turn
        events = await run_in_threadpool(reading.events, run_id, after=after, limit=BATCH)
        lines = await run_in_threadpool(reading.activity, run_id, after=line, limit=BATCH)
        for event in events:
            yield ServerSentEvent(_json(event), event=event["type"], id=str(event["seq"]))
            after, state = event["seq"], event["state"]
        for activity in lines:
            yield ServerSentEvent(_json(activity), event=ACTIVITY)
            line = activity["seq"]
        if not events and state in FINAL:
            yield ServerSentEvent("{}", event="end")
            return
        if not events:
            await watch.happened(run_id, turn, closing)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def stream(desk: Desk, ask: Ask) -> Response:
    """A run's events as they happen, from `Last-Event-ID` or `after` on, and after `line` what its agents do."""
    run, closing = reached(desk, ask), anyio.Event()
    heard = Heard(_after(ask), ask.query["line"], run.state)
    return desk.seats.seated(sse(told(desk.reading, desk.watch, run.id, heard, closing), closing))


def _after(ask: Ask) -> int:
    last = ask.headers.get("last-event-id", "")
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else int(ask.query["after"])
