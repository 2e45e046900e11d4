"""The routes of the dashboard: who asks is checked first, a form's mark second, and only then anything is shown or done."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from app.access import Principal, Scope
from app.api.problems import Problem
from app.dashboard import live, looks
from app.dashboard.acts import ACTS, Act, Form
from app.dashboard.allowing import FOR_OPERATORS, allow
from app.dashboard.entry import Entry
from app.dashboard.forms import MOST_FORM_BYTES, SEE_OTHER, ours
from app.dashboard.looks import Elsewhere, Look, Page
from app.dashboard.office import Office
from app.dashboard.rendering import STATIC, page

Endpoint = Callable[[Request], Awaitable[Response]]
audit = structlog.get_logger("slipway.audit")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: its template, what it shows, and whether it is for operators only."""

    template: str
    look: Page
    operators: bool = False


PAGES: Mapping[str, Sheet] = {
    "/": Sheet("overview.html", looks.overview),
    "/runs": Sheet("runs.html", looks.listing),
    "/find": Sheet("find.html", looks.find),
    "/runs/{run_id}": Sheet("run.html", looks.run),
    "/queue": Sheet("queue.html", looks.queue),
    "/callbacks": Sheet("callbacks.html", looks.callbacks),
    "/inbox": Sheet("inbox.html", looks.inbox, operators=True),
    "/workers": Sheet("workers.html", looks.workers, operators=True),
    "/budgets": Sheet("budgets.html", looks.budgets, operators=True),
    "/agents": Sheet("agents.html", looks.agents, operators=True),
    "/settings": Sheet("settings.html", looks.settings, operators=True),
}


def dashboard(office: Office) -> list[BaseRoute]:
    """Every page, every form, the streams and the static files."""
    doors = Doors(office)
    return [
        *(Route(path, doors.page(sheet)) for path, sheet in PAGES.items()),
        *(Route(act.path, doors.act(act), methods=["POST"], max_body_size=MOST_FORM_BYTES) for act in ACTS),
        Route("/live", doors.live),
        Route("/live/{run_id}", doors.live),
        *Entry(office.ways, office.desk.access, office.desk.clock).routes(),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


class Doors:
    """Makes endpoints over an office."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._access = office.desk.access

    def page(self, sheet: Sheet) -> Endpoint:
        """A page for whoever may read; everybody else is led to sign in."""

        async def endpoint(request: Request) -> Response:
            principal = await self._who(request)
            if principal is None:
                return self._led_to_sign_in(request)
            if sheet.operators and principal.actor is not None:
                raise Problem(403, FOR_OPERATORS)
            asked = Look(principal, request.path_params, request.query_params, self._now())
            shown = await run_in_threadpool(sheet.look, self._office, asked)
            if isinstance(shown, Elsewhere):
                return RedirectResponse(shown.where, SEE_OTHER)
            return HTMLResponse(await run_in_threadpool(self._rendered, sheet.template, shown, principal, request))

        return endpoint

    def act(self, act: Act) -> Endpoint:
        """A form's target: acts, then leads to the page that shows what came of it."""

        async def endpoint(request: Request) -> Response:
            principal = await self._who(request)
            if principal is None:
                return RedirectResponse("/login", SEE_OTHER)
            form = Form(principal, request.path_params, await ours(request, principal))
            await run_in_threadpool(allow, self._office, act, form)
            where = await run_in_threadpool(act.do, self._office, form)
            audit.info("dashboard", who=principal.id, person=principal.actor and principal.actor.id, path=request.url.path)
            return RedirectResponse(where, SEE_OTHER)

        return endpoint

    async def live(self, request: Request) -> Response:
        """The stream an open page listens to."""
        principal = await self._who(request)
        if principal is None:
            raise Problem(401, "Sign in first: load the page again.")
        run_id = request.path_params.get("run_id")
        if not run_id:
            return live.everything(self._office)
        last = request.headers.get("last-event-id", "")
        return await run_in_threadpool(live.one_run, self._office, principal, run_id, request.query_params, last)

    def _now(self) -> float:
        return self._office.desk.clock.now()

    async def _who(self, request: Request) -> Principal | None:
        principal = await run_in_threadpool(self._access.who, request, self._now())
        return principal if principal and principal.may(Scope.READ) else None

    def _rendered(self, template: str, shown: Mapping[str, Any], principal: Principal | None, request: Request) -> str:
        common = {"principal": principal, "now": self._now(), "here": request.url.path, "stream": "/live"}
        return page(template, {**common, **shown})

    def _led_to_sign_in(self, request: Request) -> Response:
        """A browser that follows a link from elsewhere keeps its session's cookie to itself; going on from a page of ours, it shows it."""
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site" and not self._access.open_to_this_machine:
            return HTMLResponse(page("continue.html", {"where": where, "principal": None, "stream": None, "now": self._now(), "here": ""}))
        return RedirectResponse(f"/login?next={quote(where)}", SEE_OTHER)
