"""The web role: webhook, health, metrics, API and dashboard as one Starlette application."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from app.access import Scope
from app.api import health, metrics
from app.api.failing import handlers
from app.api.headers import SecurityHeaders
from app.api.health import Part
from app.api.ports import Desk
from app.api.problems import Problem, answer
from app.api.routing import api
from app.api.serving import admit


def application(desk: Desk, webhook: ASGIApp, parts: tuple[Part, ...], counts: metrics.Counts, version: str) -> Starlette:
    """The application over what it may touch; `webhook` is served as it is, outside of everything else's rules."""

    def page(request: Request, problem: Problem) -> Response:
        return answer(problem)

    async def scrape(request: Request) -> Response:
        admit(desk.access, request, Scope.READ, desk.clock.now())
        return await run_in_threadpool(metrics.exposition, counts)

    routes: Sequence[BaseRoute] = [
        Route("/webhook", webhook, methods=["POST"]),
        Route("/metrics", scrape),
        *health.routes(parts),
        *api(desk, version),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=handlers(page))
