"""What is served while nothing is configured: `/setup`, health, and a closed webhook. Everything else is not there yet."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.api import health
from app.api.failing import handlers
from app.api.headers import HEADERS, SecurityHeaders
from app.api.problems import Problem
from app.dashboard.rendering import STATIC, page
from app.dashboard.sign_in import Tries
from app.main import Web
from app.setting_checks import url as checked_url
from app.setup.manifest import CALLBACK, is_account, manifest, target
from app.setup.registration import Registration
from app.webhook import closed
from jobs.errors import Fault

COOKIE = "slipway_setup"
COOKIE_S = 3600
MOST_FORM_BYTES = 16 * 1024
audit = structlog.get_logger("slipway.audit")


def application(registration: Registration, github_url: str, public_url: str | None, parts: tuple[health.Part, ...]) -> Starlette:
    """The whole web application of an installation that is not set up."""
    door = Door(registration, github_url, public_url)
    routes = [
        Route("/setup", door.begin, methods=["GET", "POST"], max_body_size=MOST_FORM_BYTES),
        Route(CALLBACK, door.callback),
        Route("/", lambda request: RedirectResponse("/setup", 303)),
        *health.routes(parts),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Web(closed, routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=handlers(_problem))


class Door:
    """The two pages of set-up."""

    def __init__(self, registration: Registration, github_url: str, public_url: str | None) -> None:
        self._registration = registration
        self._github_url = github_url
        self._public_url = public_url
        self._tries = Tries(registration.monotonic)

    async def begin(self, request: Request) -> Response:
        """Ask for the token and the address; with both, a form whose button leads to GitHub."""
        if self._registration.done:
            return _shown("setup_done.html", {"app": self._registration.done})
        if request.method != "POST":
            return self._asked(request, {})
        address = request.client.host if request.client else ""
        self._tries.check(address)
        fields = await _fields(request)
        if not self._registration.is_token(fields.get("token", "")):
            self._tries.note(address)
            audit.info("set-up", address=address, let_in=False)
            return self._asked(request, fields, "That is not the token this start of Slipway printed in its terminal.", 403)
        return self._led_to_github(request, fields)

    async def callback(self, request: Request) -> Response:
        """GitHub sent the browser back with a code: register, keep the credentials, and say what comes next."""
        code, state = request.query_params.get("code", ""), request.query_params.get("state", "")
        if self._registration.done:
            return RedirectResponse("/setup", 303)
        if not code or not self._registration.is_state(state, request.cookies.get(COOKIE, "")):
            raise Problem(403, "This answer belongs to no set-up that was begun here, or to an older one. Begin again at /setup.")
        try:
            made = await run_in_threadpool(self._registration.finish, code)
        except Fault as fault:
            raise Problem(502, f"{fault.reason.text} Nothing was kept; begin again at /setup.") from fault
        audit.info("set-up", app=made.slug, let_in=True)
        answer = RedirectResponse("/setup", 303)
        answer.delete_cookie(COOKIE, path="/setup", httponly=True, secure=_secure(request), samesite="lax")
        return answer

    def _asked(self, request: Request, fields: Mapping[str, str], wrong: str = "", status: int = 200) -> Response:
        known = {name: fields.get(name, "") for name in ("organization", "public_url")}
        reached = known["public_url"] or self._public_url or ""
        return _shown("setup.html", {**known, "public_url": reached, "wrong": wrong, "github_url": self._github_url}, status)

    def _led_to_github(self, request: Request, fields: Mapping[str, str]) -> Response:
        organization = fields.get("organization", "").strip()
        try:
            public_url = str(checked_url(fields.get("public_url", "").strip()))
        except ValueError as error:
            return self._asked(request, fields, f"The address cannot be used: {error}.", 422)
        if organization and not is_account(organization):
            return self._asked(request, fields, "GitHub has no organisation of that name.", 422)
        state = self._registration.begun()
        made = manifest(public_url, str(request.base_url).rstrip("/"))
        shown = {"target": target(self._github_url, organization, state), "manifest": json.dumps(made), "made": made}
        answer = _shown("setup_manifest.html", shown)
        answer.headers["content-security-policy"] = _posting_to(self._github_url)
        # Lax: GitHub leads the browser back here, which is a navigation from another site.
        answer.set_cookie(COOKIE, state, max_age=COOKIE_S, path="/setup", httponly=True, secure=_secure(request), samesite="lax")
        return answer


def _posting_to(github_url: str) -> str:
    """The policy of the one page whose form goes to GitHub."""
    parts = urlsplit(github_url)
    return HEADERS["content-security-policy"].replace("form-action 'self'", f"form-action {parts.scheme}://{parts.netloc}")


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _shown(template: str, shown: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    return HTMLResponse(page(template, {**shown, "principal": None, "stream": None, "now": 0.0, "here": "/setup"}), status)


def _problem(request: Request, problem: Problem) -> Response:
    response = _shown("setup_problem.html", {"problem": problem}, problem.status)
    response.headers.update(problem.headers)
    return response


async def _fields(request: Request) -> Mapping[str, str]:
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=10))
    except ValueError as error:
        raise Problem(400, "The form cannot be read.") from error
