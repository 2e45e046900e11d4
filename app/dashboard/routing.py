"""The routes of the dashboard: who asks is checked first, a form's mark second, and only then anything is shown or done."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from app.access import COOKIE, SESSION_S, Principal, Scope, form_is_ours, same_origin
from app.api.problems import Problem
from app.dashboard import live, looks
from app.dashboard.acts import ACTS, Act, Form
from app.dashboard.looks import Look, Page
from app.dashboard.office import Office
from app.dashboard.rendering import STATIC, page
from app.dashboard.sign_in import local_path

MOST_FORM_BYTES = 64 * 1024
MOST_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
SEE_OTHER = 303
Endpoint = Callable[[Request], Awaitable[Response]]
audit = structlog.get_logger("slipway.audit")

PAGES: Mapping[str, tuple[str, Page]] = {
    "/": ("overview.html", looks.overview),
    "/runs": ("runs.html", looks.listing),
    "/runs/{run_id}": ("run.html", looks.run),
    "/queue": ("queue.html", looks.queue),
    "/callbacks": ("callbacks.html", looks.callbacks),
    "/inbox": ("inbox.html", looks.inbox),
    "/workers": ("workers.html", looks.workers),
    "/settings": ("settings.html", looks.settings),
}


def dashboard(office: Office) -> list[BaseRoute]:
    """Every page, every form, the streams and the static files."""
    doors = Doors(office)
    return [
        *(Route(path, doors.page(template, look)) for path, (template, look) in PAGES.items()),
        *(Route(act.path, doors.act(act), methods=["POST"], max_body_size=MOST_FORM_BYTES) for act in ACTS),
        Route("/live", doors.live),
        Route("/live/{run_id}", doors.live),
        Route("/login", doors.sign_in, methods=["GET", "POST"], max_body_size=MOST_FORM_BYTES),
        Route("/logout", doors.sign_out, methods=["POST"], max_body_size=MOST_FORM_BYTES),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


class Doors:
    """Makes endpoints over an office."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._access = office.desk.access

    def page(self, template: str, look: Page) -> Endpoint:
        """A page for whoever may read; everybody else is led to sign in."""

        async def endpoint(request: Request) -> Response:
            principal, now = self._who(request), self._now()
            if principal is None:
                return self._led_to_sign_in(request)
            asked = Look(principal, request.path_params, request.query_params, now)
            shown = await run_in_threadpool(look, self._office, asked)
            return HTMLResponse(await run_in_threadpool(self._rendered, template, shown, principal, request))

        return endpoint

    def act(self, act: Act) -> Endpoint:
        """A form's target: acts, then leads to the page that shows what came of it."""

        async def endpoint(request: Request) -> Response:
            principal = self._who(request)
            if principal is None:
                return RedirectResponse("/login", SEE_OTHER)
            fields = await self._ours(request, principal)
            if not principal.may(act.need):
                raise Problem(
                    403, f"This needs a token with the scope {act.need.name.lower()!r}; yours has {principal.scope.name.lower()!r}."
                )
            form = Form(principal, request.path_params, fields)
            where = await run_in_threadpool(act.do, self._office, form)
            audit.info("dashboard", who=principal.id, path=request.url.path)
            return RedirectResponse(where, SEE_OTHER)

        return endpoint

    async def live(self, request: Request) -> Response:
        """The stream an open page listens to."""
        if self._who(request) is None:
            raise Problem(401, "Sign in first: load the page again.")
        run_id = request.path_params.get("run_id")
        return await run_in_threadpool(live.one_run, self._office, run_id) if run_id else live.everything(self._office)

    async def sign_in(self, request: Request) -> Response:
        """The form, and what becomes of it."""
        if request.method != "POST":
            return self._form(request.query_params.get("next", "/"))
        address = request.client.host if request.client else ""
        self._office.tries.check(address)
        fields = await _fields(request)
        cookie = self._access.sign_in(fields.get("token", ""), self._now()) if same_origin(request) else None
        audit.info("sign in", address=address, let_in=cookie is not None)
        if cookie is None:
            self._office.tries.note(address)
            return self._form(fields.get("next", "/"), wrong=True, status=403)
        answer = RedirectResponse(local_path(fields.get("next", "/")), SEE_OTHER)
        answer.set_cookie(COOKIE, cookie, max_age=SESSION_S, httponly=True, secure=self._secure(request), samesite="strict")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """The end of a session."""
        principal = self._who(request)
        if principal is not None:
            await self._ours(request, principal)
        answer = RedirectResponse("/login", SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, secure=self._secure(request), samesite="strict")
        return answer

    def _now(self) -> float:
        return self._office.desk.clock.now()

    def _who(self, request: Request) -> Principal | None:
        principal = self._access.who(request, self._now())
        return principal if principal and principal.may(Scope.READ) else None

    def _secure(self, request: Request) -> bool:
        return self._access.secure or request.url.scheme == "https"

    def _rendered(self, template: str, shown: Mapping[str, Any], principal: Principal | None, request: Request) -> str:
        common = {"principal": principal, "now": self._now(), "here": request.url.path, "stream": "/live"}
        return page(template, {**common, **shown})

    def _led_to_sign_in(self, request: Request) -> Response:
        """A browser that follows a link from elsewhere keeps its session's cookie to itself; going on from a page of ours, it shows it."""
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site" and self._access.tokens:
            return HTMLResponse(page("continue.html", {"where": where, "principal": None, "stream": None, "now": self._now(), "here": ""}))
        return RedirectResponse(f"/login?next={quote(where)}", SEE_OTHER)

    def _form(self, where: str, *, wrong: bool = False, status: int = 200) -> Response:
        shown = {"next": local_path(where), "wrong": wrong, "tokens": bool(self._access.tokens), "bind": self._access.bind}
        context = {**shown, "principal": None, "stream": None, "now": self._now(), "here": "/login"}
        return HTMLResponse(page("login.html", context), status)

    async def _ours(self, request: Request, principal: Principal) -> Mapping[str, str]:
        """The fields of a form that a page of ours showed to this very principal. Raises Problem 403 for any other."""
        fields = await _fields(request)
        if not same_origin(request) or not form_is_ours(principal, fields.get("csrf", "")):
            raise Problem(403, "This form is not, or no longer, one of ours. Load the page again and repeat what you did.")
        return fields


async def _fields(request: Request) -> Mapping[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, f"Send the form as {FORM}.")
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise Problem(400, "The form cannot be read.") from error
