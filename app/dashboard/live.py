"""Tells an open page that there is something new. What is new the page fetches itself, so nothing is shown two ways."""

from collections.abc import AsyncIterator

import anyio
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.access import Principal
from app.api.problems import no_run
from app.api.reading import known
from app.api.streams import follow, pause, sse
from app.dashboard.office import Looking, Office

POLL_S = 1.0
CALM_S = 10
"""Ages, and processes that fall silent, change a page without any event: it is renewed this often."""


async def changes(looking: Looking, closing: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """A message for whatever happens anywhere, at most one a second."""
    seen, calm = await run_in_threadpool(looking.latest), 0
    while not closing.is_set():
        await pause(closing, POLL_S)
        newest = await run_in_threadpool(looking.latest)
        calm = 0 if newest != seen else calm + 1
        if newest != seen or calm >= CALM_S:
            seen, calm = newest, 0
            yield ServerSentEvent("{}", event="changed", id=str(newest[0]))


async def changes_of(office: Office, run_id: str, state: str, closing: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """A message for whatever happens to a run, and `end` when nothing more will."""
    page = await run_in_threadpool(office.desk.reading.events, run_id)
    start = page[-1]["seq"] if page else 0
    async for event in follow(lambda after: office.desk.reading.events(run_id, after=after), start, state, closing):
        yield ServerSentEvent("{}", event="changed", id=str(event["seq"]))
    if not closing.is_set():
        yield ServerSentEvent("{}", event="end")


def everything(office: Office) -> Response:
    """The stream of all pages but a run's."""
    office.desk.seats.check()
    closing = anyio.Event()
    return sse(office.desk.seats.seated(changes(office.looking, closing)), closing)


def one_run(office: Office, principal: Principal, run_id: str) -> Response:
    """The stream of a run's page. Raises Problem 404 for a run that is not there for the principal."""
    run = known(lambda: office.desk.runs.get(run_id))
    if not principal.may_see(run.repository.scope):
        raise no_run()
    office.desk.seats.check()
    closing = anyio.Event()
    return sse(office.desk.seats.seated(changes_of(office, run_id, run.state, closing)), closing)
