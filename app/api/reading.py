"""The operations that look: runs, one run, its events and its artifacts."""

import mimetypes
from collections.abc import Callable
from typing import TypeVar

from starlette.responses import JSONResponse, Response

from app.api.operation import Ask
from app.api.ports import Desk
from app.api.problems import Problem, no_run
from infra.receivers import outside
from jobs.budget import DAY_S
from jobs.errors import UserError
from jobs.model import Run

T = TypeVar("T")


def known(look: Callable[[], T]) -> T:
    """What `look` finds. Raises Problem 404 when there is no such run."""
    try:
        return look()
    except KeyError as error:
        raise no_run() from error


def reached(desk: Desk, ask: Ask) -> Run:
    """The run of the address. Raises Problem 404 for an id that is not whole and known, or is of another scope than was asked for."""
    run = known(lambda: desk.runs.get(ask.path["run_id"]))
    if ask.query["scope"] not in {None, run.repository.scope}:
        raise no_run()
    return run


def runs(desk: Desk, ask: Ask) -> Response:
    """A page of runs, newest first."""
    try:
        found, cursor = desk.reading.runs(**ask.query)
    except UserError as error:
        raise Problem(400, str(error)) from error
    return JSONResponse({"runs": list(found), "next": cursor})


def find(desk: Desk, ask: Ask) -> Response:
    """The runs that `q` has a clue to: an id of anything of theirs, or a text with one in it."""
    return JSONResponse({"runs": list(desk.reading.find(ask.query["q"] or ""))})


def agents(desk: Desk, ask: Ask) -> Response:
    """The agents of each host, and what became of them."""
    events = desk.reading.agent_events(ask.query["days"] * DAY_S, ask.query["limit"])
    return JSONResponse({"agents": list(desk.reading.agents()), "events": list(events)})


def callbacks(desk: Desk, ask: Ask) -> Response:
    """Callbacks without their bodies, newest first."""
    state, run_id, scope, limit = (ask.query[name] for name in ("state", "run", "scope", "limit"))
    rows = desk.callbacks.listing(state, run_id, limit, within=(scope,) if scope else None)
    return JSONResponse({"callbacks": [outside(row) for row in rows]})


def run(desk: Desk, ask: Ask) -> Response:
    """One run, whole."""
    return JSONResponse(desk.reading.run(reached(desk, ask).id))


def events(desk: Desk, ask: Ask) -> Response:
    """What happened to a run after `after`."""
    after, found = ask.query["after"], reached(desk, ask)
    told = desk.reading.events(found.id, after=after, limit=ask.query["limit"])
    return JSONResponse({"events": list(told), "next": told[-1]["seq"] if told else after})


def artifact(desk: Desk, ask: Ask) -> Response:
    """A large output of a run, whole, as a download: nothing in it is ever shown as a page of ours."""
    name = ask.path["name"]
    run = reached(desk, ask)
    try:
        data = desk.artifacts.get(run.id, name)
    except KeyError as error:
        raise Problem(404, f"This run has no artifact {name!r}. Its page names those it has.") from error
    kind = "application/json" if mimetypes.guess_type(name)[0] == "application/json" else "text/plain; charset=utf-8"
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    return Response(data, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{plain}"'})
