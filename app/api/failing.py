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
audit = structlog.get_logger("slipway.audit")
SAFE = frozenset({"GET", "HEAD"})
SAYS: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not answer that method; 'Allow' names those it does.",
    413: "The body is too large. Send less.",
}


def handlers(page: Page) -> dict[Any, Handler]:
    """What Starlette needs to answer every exception; a browser gets a `page`, a program a problem document."""
    answers = Answers(page)
    return {
        Problem: answers.problem,
        HTTPException: answers.http,
        UserError: answers.user,
        Fault: answers.fault,
        SQLAlchemyError: answers.store,
        Exception: answers.bug,
    }


class Answers:
    """One method for each kind of exception. Each refused action is written down."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def problem(self, request: Request, error: Problem) -> Response:
        """Ours, as it is."""
        return self._told(request, error)

    async def http(self, request: Request, error: HTTPException) -> Response:
        """Starlette's own: no such address, wrong method, too large."""
        return self._told(request, Problem(error.status_code, SAYS.get(error.status_code, error.detail), error.headers))

    async def user(self, request: Request, error: UserError) -> Response:
        """What was asked for cannot be done as things stand."""
        return self._told(request, Problem(409, str(error)))

    async def fault(self, request: Request, error: Fault) -> Response:
        """The world does not play along right now."""
        return self._told(request, Problem(503, error.reason.text, {"Retry-After": str(int(error.retry_after or 30))}))

    async def store(self, request: Request, error: SQLAlchemyError) -> Response:
        """The database does not answer."""
        mark = _noted("store", request, error)
        return self._told(
            request, Problem(503, f"The store does not answer. Try again; the log tells more under {mark}.", {"Retry-After": "10"})
        )

    async def bug(self, request: Request, error: Exception) -> Response:
        """Nobody thought of this."""
        mark = _noted("bug", request, error)
        return self._told(request, Problem(500, f"This is a bug in Slipway. The log tells more under {mark}; please report it."))

    def _told(self, request: Request, problem: Problem) -> Response:
        if request.method not in SAFE:
            audit.info("refused", method=request.method, path=request.url.path, status=problem.status)
        return self._page(request, problem) if _browser(request) else answer(problem)


def _noted(what: str, request: Request, error: Exception) -> str:
    """The mark under which the log has the whole exception."""
    mark = secrets.token_hex(6)
    log.error(what, path=request.url.path, error=type(error).__name__, mark=mark, exc_info=error)
    return mark


def _browser(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")
