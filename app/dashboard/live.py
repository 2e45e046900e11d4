"""Tells an open page that there is something new. What is new the page fetches itself, so nothing is shown two ways.

The lines of an agent at work come along as they are shown: there are many of them, and each is small.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

import anyio
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.access import Principal
from app.api.ports import Reading
from app.api.problems import no_run
from app.api.reading import known
from app.api.streams import sse
from app.api.watching import News, Watch, pause
from app.dashboard.office import Looking, Office
from app.dashboard.rendering import fragment
from app.view import FINAL

POLL_S = 1.0
CALM = 10
"""Ages, and processes that fall silent, change a page without any event: it is renewed this often."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an open page of a run shows already: up to which event, and which line of its agents."""

    event: int
    line: int


async def changes(watch: Watch, closing: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """A message for whatever happens anywhere, at most one a second."""
    seen, calm = _numbers(await watch.look()), 0
    while not closing.is_set():
        await pause(closing, POLL_S)
        newest = _numbers(await watch.look())
        calm = 0 if newest != seen else calm + 1
        if newest != seen or calm >= CALM:
            seen, calm = newest, 0
            yield ServerSentEvent("{}", event="changed", id=str(newest[0]))


async def changes_of(
    reading: Reading, looking: Looking, watch: Watch, run_id: str, state: str, seen: Seen, closing: anyio.Event
) -> AsyncGenerator[ServerSentEvent]:
    """`changed` for whatever happens to a run, `line` with what its agents do, and `end` when nothing more will."""
    while not closing.is_set():
        turn = watch.turn
        events = await run_in_threadpool(reading.events, run_id, after=seen.event)
        lines = await run_in_threadpool(looking.activity, run_id, after=seen.line)
        if lines:
            yield ServerSentEvent("".join(fragment("activity_line", line) for line in lines), event="line")
        if events:
            state = events[-1]["state"]
            yield ServerSentEvent("{}", event="changed", id=str(events[-1]["seq"]))
        elif state in FINAL:
            yield ServerSentEvent("{}", event="end")
            return
        seen = Seen(events[-1]["seq"] if events else seen.event, lines[-1]["seq"] if lines else seen.line)
        if not events:
            await watch.happened(run_id, turn, closing)


def everything(office: Office) -> Response:
    """The stream of all pages but a run's."""
    closing = anyio.Event()
    return office.desk.seats.seated(sse(changes(office.desk.watch, closing), closing))


def one_run(office: Office, principal: Principal, run_id: str, query: Mapping[str, str], last: str) -> Response:
    """The stream of a run's page, from what it shows on. Raises Problem 404 for a run that is not there for the principal."""
    run = known(lambda: office.desk.runs.get(run_id))
    if not principal.may_see(run.repository.scope):
        raise no_run()
    seen = Seen(_number(last) or _number(query.get("event", "")), _number(query.get("line", "")))
    closing = anyio.Event()
    messages = changes_of(office.desk.reading, office.looking, office.desk.watch, run_id, run.state, seen, closing)
    return office.desk.seats.seated(sse(messages, closing))


def _numbers(news: News) -> tuple[int, int]:
    return news.event, news.webhook


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
