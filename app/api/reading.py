"""The operations that look: runs, one run, its events and its artifacts."""

import mimetypes
from collections.abc import Callable
from typing import TypeVar

from starlette.responses import JSONResponse, Response

from app.api.operation import Ask
from app.api.ports import Desk
from app.api.problems import Problem, no_run
from infra.store.outbox import STATES as OUTBOX_STATES
from infra.store.pages import shown
from jobs.errors import UserError
from jobs.model import RunState

MOST = 200
T = TypeVar("T")


def known(look: Callable[[], T]) -> T:
    """What `look` finds. Raises Problem 404 when there is no such run."""
    try:
        return look()
    except KeyError as error:
        raise no_run() from error


def number(ask: Ask, name: str, default: int, most: int) -> int:
    """A query parameter that is a whole number from 0 to `most`. Raises Problem 400."""
    text = ask.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise Problem(400, f"The parameter {name!r} has to be a whole number, like {name}={default}.")
    return min(int(text), most)


def runs(desk: Desk, ask: Ask) -> Response:
    """A page of runs, newest first."""
    state = ask.query.get("state")
    if state is not None and state not in set(RunState):
        raise Problem(400, f"There is no state {state!r}. The states are {', '.join(RunState)}.")
    limit = max(1, number(ask, "limit", 50, MOST))
    try:
        found, cursor = desk.reading.runs(
            state=state, repository=ask.query.get("repository"), scope=ask.query.get("scope"), cursor=ask.query.get("cursor"), limit=limit
        )
    except UserError as error:
        raise Problem(400, str(error)) from error
    return JSONResponse({"runs": list(found), "next": cursor})


def callbacks(desk: Desk, ask: Ask) -> Response:
    """Callbacks without their bodies, newest first."""
    state = ask.query.get("state")
    if state is not None and state not in OUTBOX_STATES:
        raise Problem(400, f"There is no state {state!r} of callbacks. The states are {', '.join(OUTBOX_STATES)}.")
    rows = desk.callbacks.listing(state=state, run_id=ask.query.get("run"), limit=max(1, number(ask, "limit", 50, MOST)))
    return JSONResponse({"callbacks": [{**row, "url": shown(row["url"])} for row in rows]})


def run(desk: Desk, ask: Ask) -> Response:
    """One run, whole."""
    return JSONResponse(known(lambda: desk.reading.run(ask.path["run_id"])))


def events(desk: Desk, ask: Ask) -> Response:
    """What happened to a run after `after`."""
    after = number(ask, "after", 0, 2**63 - 1)
    found = known(lambda: desk.reading.events(ask.path["run_id"], after=after, limit=number(ask, "limit", MOST, 1000)))
    return JSONResponse({"events": list(found), "next": found[-1]["seq"] if found else after})


def artifact(desk: Desk, ask: Ask) -> Response:
    """A large output of a run, whole, as a download: nothing in it is ever shown as a page of ours."""
    name = ask.path["name"]
    known(lambda: desk.runs.get(ask.path["run_id"]))
    try:
        data = desk.artifacts.get(ask.path["run_id"], name)
    except KeyError as error:
        raise Problem(404, f"This run has no artifact {name!r}. Its page names those it has.") from error
    kind = "application/json" if mimetypes.guess_type(name)[0] == "application/json" else "text/plain; charset=utf-8"
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    return Response(data, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{plain}"'})
