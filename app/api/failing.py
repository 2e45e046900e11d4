"""How anything that goes wrong in the web role is answered: never with a traceback, always with what to do."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.problems import Problem, answer
from jobs.errors import Fault, UserError

Page = Callable[[Request, Problem], Response]
Handler = Callable[[Request, Any], Awaitable[Response]]
log = structlog.get_logger("slipway.web")
SAYS: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not answer that method; 'Allow' names those it does.",
    413: "The body is too large. Send less.",
}


def handlers(page: Page) -> dict[Any, Handler]:
    """What Starlette needs to answer every exception; a browser gets a `page`, a program a problem document."""

    def told(request: Request, problem: Problem) -> Response:
        return page(request, problem) if _browser(request) else answer(problem)

    async def on_problem(request: Request, error: Problem) -> Response:
        return told(request, error)

    async def on_http(request: Request, error: HTTPException) -> Response:
        return told(request, Problem(error.status_code, SAYS.get(error.status_code, error.detail), error.headers))

    async def on_user(request: Request, error: UserError) -> Response:
        return told(request, Problem(409, str(error)))

    async def on_fault(request: Request, error: Fault) -> Response:
        return told(request, Problem(503, error.reason.text, {"Retry-After": str(int(error.retry_after or 30))}))

    async def on_store(request: Request, error: SQLAlchemyError) -> Response:
        log.error("store", path=request.url.path, error=type(error).__name__, mark=(mark := secrets.token_hex(6)), exc_info=error)
        return told(request, Problem(503, f"The store does not answer. Try again; the log tells more under {mark}.", {"Retry-After": "10"}))

    async def on_bug(request: Request, error: Exception) -> Response:
        log.error("bug", path=request.url.path, error=type(error).__name__, mark=(mark := secrets.token_hex(6)))
        return told(request, Problem(500, f"This is a bug in Slipway. The log tells more under {mark}; please report it."))

    return {
        Problem: on_problem, HTTPException: on_http, UserError: on_user, Fault: on_fault, SQLAlchemyError: on_store, Exception: on_bug,
    }  # fmt: skip


def _browser(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")
