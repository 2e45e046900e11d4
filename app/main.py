"""The web role: webhook, health, metrics, API and dashboard as one Starlette application."""

from collections.abc import Sequence
from typing import Any

from starlette import types
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from app.access import Scope
from app.api import health, metrics
from app.api.failing import handlers
from app.api.headers import SecurityHeaders
from app.api.problems import Problem
from app.api.routing import api
from app.api.serving import admit
from app.dashboard import rendering
from app.dashboard.office import Office
from app.dashboard.routing import dashboard
from app.version import VERSION

WEBHOOK = "/webhook"


def application(office: Office, webhook: ASGIApp, counts: metrics.Counts) -> Starlette:
    """The application over what it may touch; `webhook` is served as it is, outside of everything else's rules."""
    desk = office.desk

    def page(request: Request, problem: Problem) -> Response:
        shown = {"problem": problem, "principal": None, "stream": None, "now": desk.clock.now(), "here": ""}
        return HTMLResponse(rendering.page("problem.html", shown), problem.status, problem.headers)

    async def scrape(request: Request) -> Response:
        await run_in_threadpool(admit, desk.access, request, Scope.READ, desk.clock.now())
        return await run_in_threadpool(metrics.exposition, counts)

    routes: Sequence[BaseRoute] = [
        Route(WEBHOOK, webhook, methods=["POST"]),
        Route("/metrics", scrape),
        *health.routes(office.parts),
        *api(desk, VERSION),
        *dashboard(office),
    ]
    return Web(webhook, routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=handlers(page))


class Web(Starlette):
    """As Starlette, but a delivery goes straight to its route's endpoint: the way there costs as much as half of the answer."""

    def __init__(self, webhook: ASGIApp, **options: Any) -> None:
        super().__init__(**options)
        self._webhook = webhook

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Serve."""
        if scope["type"] == "http" and scope["path"] == WEBHOOK and scope["method"] == "POST":
            await self._webhook(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
