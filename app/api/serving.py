"""Makes routes of operations: who asks is checked first, then the body is read under a cap and parsed, then the operation acts."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.access import Access, Principal, Scope, same_origin
from app.api.operation import Ask, Operation
from app.api.parameters import read
from app.api.ports import Desk
from app.api.problems import Problem, no_run
from app.api.reading import known

MOST_BODY_BYTES = 256 * 1024
SAFE = frozenset({"GET", "HEAD"})
Endpoint = Callable[[Request], Awaitable[Response]]
audit = structlog.get_logger("slipway.audit")


def admit(access: Access, request: Request, need: Scope, now: float) -> Principal:
    """Who asks, if they may. Raises Problem: 401 for nobody we know, 403 for somebody who may not. Called from a thread.

    Whoever signed in with GitHub reads single runs here, as their pages link to, and nothing else.
    """
    principal = access.who(request, now)
    if principal is None:
        raise Problem(401, _how_to_sign_in(access), {"WWW-Authenticate": "Bearer"})
    if request.method not in SAFE and not same_origin(request):
        raise Problem(403, "This request comes from a page of another site. Use the dashboard itself, or a program.")
    if principal.actor and (request.method not in SAFE or "run_id" not in request.path_params):
        raise Problem(403, "Signed in with GitHub you can use the dashboard; for this part of the API use a token.")
    if not principal.may(need):
        raise Problem(
            403, f"This token may not do that: it needs the scope {need.name.lower()!r} and has {principal.scope.name.lower()!r}."
        )
    return principal


def _let_in(desk: Desk, request: Request, need: Scope) -> Principal:
    """As `admit`; to somebody who may not see a run's repository there is no such run."""
    principal = admit(desk.access, request, need, desk.clock.now())
    if principal.sees is not None and not principal.may_see(known(lambda: desk.runs.get(request.path_params["run_id"])).repository.scope):
        raise no_run()
    return principal


def _how_to_sign_in(access: Access) -> str:
    if access.tokens:
        return "Send 'Authorization: Bearer <token>' with one of the tokens of SLIPWAY_API_TOKENS."
    return "No API token is configured, so only this very machine is answered. Set SLIPWAY_API_TOKENS to reach it from elsewhere."


async def parsed(request: Request, model: type[BaseModel] | None) -> BaseModel | None:
    """The JSON body as `model`. Raises Problem with every mistake in it."""
    if model is None:
        return None
    raw = await request.body()
    if raw and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "Send the body as JSON, with 'Content-Type: application/json'.")
    try:
        return model.model_validate(json.loads(raw or b"{}"))
    except ValidationError as error:
        raise Problem(422, "Some values of the body are not valid; 'errors' names each.", errors=_mistakes(error)) from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The body cannot be read as JSON.") from error


def _whole(path: Mapping[str, str]) -> Mapping[str, str]:
    """The values of a path. Raises Problem 404 for one that no database could look up, since nothing of ours has such a name."""
    if any("\0" in value for value in path.values()):
        raise Problem(404, "There is nothing at this address.")
    return path


def _mistakes(error: ValidationError) -> list[dict[str, str]]:
    return [{"at": ".".join(map(str, one["loc"])), "text": one["msg"]} for one in error.errors(include_url=False, include_input=False)]


def routes(operations: Sequence[Operation], desk: Desk, prefix: str = "") -> list[Route]:
    """One route a path, so that a wrong method is answered with the right ones."""
    paths = dict.fromkeys(operation.path for operation in operations)
    return [_route(path, [one for one in operations if one.path == path], desk, prefix) for path in paths]


def _route(path: str, operations: Sequence[Operation], desk: Desk, prefix: str) -> Route:
    by_method = {operation.method: operation for operation in operations}
    methods = [*by_method, *(["HEAD"] if "GET" in by_method else [])]

    async def endpoint(request: Request) -> Response:
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        path = _whole(request.path_params)
        principal = await run_in_threadpool(_let_in, desk, request, operation.need)
        body = await parsed(request, operation.body)
        query = read(operation.query, request.query_params.multi_items())
        ask = Ask(principal, path, query, request.headers, body)
        streams = operation.stream is not None and "text/event-stream" in request.headers.get("accept", "")
        answer = await run_in_threadpool(operation.stream if streams and operation.stream else operation.act, desk, ask)
        if operation.method not in SAFE:
            audit.info("api", who=principal.id, method=request.method, path=request.url.path, status=answer.status_code)
        return answer

    return Route(prefix + path, endpoint, methods=methods, max_body_size=MOST_BODY_BYTES)
