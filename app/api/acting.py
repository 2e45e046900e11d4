"""The operations that act: start, stop, retry, approve, say, pause and resume. The same transitions as the comment commands."""

import secrets

from starlette.responses import JSONResponse, Response

from app.api.models import ApproveSpec, JobSpec, MessageSpec, PauseSpec, RetrySpec, StopSpec
from app.api.operation import Ask
from app.api.ports import Bell, Desk
from app.api.problems import Problem
from app.api.reading import reached
from app.operating import again
from infra.addresses import Forbidden, parse
from jobs.errors import UserError
from jobs.model import Repository, Run, RunRequest, RunState, Source

JOB = ("title", "body", "flow", "agent", "base", "deliver", "callback_url", "wall_s", "iterations", "cost_usd", "priority", "test")


def start(desk: Desk, ask: Ask) -> Response:
    """Record a run and queue it; the same idempotency key of the same token is the same run."""
    spec: JobSpec = ask.body
    if spec.callback_url:
        _readable(spec.callback_url)
    repository = desk.catalogue.find(spec.repository)
    rules = desk.catalogue.rules(repository)
    if spec.flow not in rules.flow_names:
        raise UserError(f"There is no flow {spec.flow!r} in {repository.full_name}. Name one of: {', '.join(rules.flow_names)}.")
    desk.catalogue.admit(rules, spec.agent)
    request = request_of(spec, repository, ask.principal.id)
    run, new = desk.runs.start(request, rules)
    if not new and _job(run.request) != _job(request):
        raise Problem(409, f"The idempotency_key was used for another job, run {run.id}. Send that job again as it was, or take a new key.")
    return _accepted(desk, run)


def _job(request: RunRequest) -> tuple[object, ...]:
    """What makes two requests the same job; a repository is the same under a new name."""
    return request.repository.scope, *(getattr(request, name) for name in JOB)


def _readable(url: str) -> None:
    """Raises Problem 422 for the address of a receiver that would be refused however its name is resolved."""
    try:
        parse(url)
    except Forbidden as forbidden:
        raise Problem(422, f"The callback_url cannot be used. {forbidden}") from forbidden


def request_of(spec: JobSpec, repository: Repository, who: str) -> RunRequest:
    """A job of the API as a request of the engine."""
    key = spec.idempotency_key or secrets.token_hex(16)
    return RunRequest(
        intent_key=f"api:{who}:{key}",
        repository=repository,
        source=Source(trigger="api"),
        title=spec.title,
        body=spec.body,
        flow=spec.flow,
        agent=spec.agent,
        base=spec.base,
        deliver=spec.deliver,
        callback_url=spec.callback_url,
        wall_s=spec.wall,
        iterations=spec.iterations,
        cost_usd=spec.cost_usd,
        priority=spec.priority,
        test=spec.test,
    )


def stop(desk: Desk, ask: Ask) -> Response:
    """Stop a run; one that is being worked on ends within seconds."""
    spec: StopSpec = ask.body
    why = spec.reason or f"Stopped over the API by {ask.principal.id}."
    run = desk.runs.stop(reached(desk, ask).id, ask.principal.id, why)
    return _accepted(desk, run)


def retry(desk: Desk, ask: Ask) -> Response:
    """Go on with a parked run; start a final one again as a new run, which is the answer."""
    spec: RetrySpec = ask.body
    before = reached(desk, ask)
    key = f"api:{ask.principal.id}:retry:{before.id}:{spec.idempotency_key or secrets.token_hex(16)}"
    run, _new = desk.runs.retry(before.id, again(before.request.source), key)
    return _accepted(desk, run)


def approve(desk: Desk, ask: Ask) -> Response:
    """Let a run go on that waits for a yes to its plan."""
    spec: ApproveSpec = ask.body
    run = desk.runs.approve(reached(desk, ask).id, ask.principal.id, spec.text)
    return _accepted(desk, run)


def messages(desk: Desk, ask: Ask) -> Response:
    """Tell the agent something before its next iteration."""
    spec: MessageSpec = ask.body
    run = desk.runs.say(reached(desk, ask).id, ask.principal.id, spec.text)
    return _accepted(desk, run)


def pause(desk: Desk, ask: Ask) -> Response:
    """Let nothing new be claimed; what runs goes on to its end."""
    spec: PauseSpec = ask.body
    desk.runs.pause(_scope(desk, spec), ask.principal.id, spec.reason or "paused over the API")
    return JSONResponse({"paused": spec.repository or "*"})


def resume(desk: Desk, ask: Ask) -> Response:
    """The end of a pause."""
    spec: PauseSpec = ask.body
    ended = desk.runs.resume(_scope(desk, spec))
    return JSONResponse({"resumed": spec.repository or "*", "was_paused": ended})


def replay(desk: Desk, ask: Ask) -> Response:
    """Send a callback again: the same id, the same bytes, a fresh schedule."""
    row = ask.path["callback_id"]
    try:
        desk.callbacks.replay(row)
    except KeyError as error:
        raise Problem(404, "There is no callback with this id; GET /api/v1/callbacks lists them.") from error
    return JSONResponse({"replayed": row}, 202)


def _scope(desk: Desk, spec: PauseSpec) -> str:
    scope: str = desk.catalogue.find(spec.repository).scope if spec.repository else "*"
    return scope


def _accepted(desk: Desk, run: Run) -> Response:
    """The run as it now stands, after whoever may have to do with it was woken."""
    rouse(desk.bell, run)
    return JSONResponse(desk.reading.run(run.id), 202, {"Location": f"/api/v1/runs/{run.id}"})


def rouse(bell: Bell, run: Run) -> None:
    """Wake whoever works on a run that may be claimed, and whoever tells the outside about it."""
    if run.state is RunState.QUEUED:
        bell.ring("advance", run.id, run.request.queue)
    bell.ring("relay", run.id)
