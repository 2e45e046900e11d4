"""The operations that act: start, stop, retry, approve, say, pause and resume. The same transitions as the comment commands."""

import secrets

from starlette.responses import JSONResponse, Response

from app.api.models import ApproveSpec, JobSpec, MessageSpec, PauseSpec, RetrySpec, StopSpec
from app.api.operation import Ask
from app.api.ports import Desk
from app.api.reading import known
from jobs.model import Repository, RunRequest, Source


def start(desk: Desk, ask: Ask) -> Response:
    """Record a run and queue it; the same idempotency key of the same token is the same run."""
    spec: JobSpec = ask.body
    repository = desk.catalogue.find(spec.repository)
    run, _new = desk.runs.start(request_of(spec, repository, ask.principal.id), desk.catalogue.rules(repository))
    desk.bell.ring(run.id)
    return _accepted(desk, run.id)


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
    )


def stop(desk: Desk, ask: Ask) -> Response:
    """Stop a run; one that is being worked on ends within seconds."""
    spec: StopSpec = ask.body
    why = spec.reason or f"Stopped over the API by {ask.principal.id}."
    run = known(lambda: desk.runs.stop(ask.path["run_id"], ask.principal.id, why))
    return _accepted(desk, run.id)


def retry(desk: Desk, ask: Ask) -> Response:
    """Go on with a parked run; start a final one again as a new run, which is the answer."""
    spec: RetrySpec = ask.body
    key = f"api:{ask.principal.id}:retry:{ask.path['run_id']}:{spec.idempotency_key or secrets.token_hex(16)}"
    run = known(lambda: desk.runs.retry(ask.path["run_id"], Source(trigger="api"), key))
    desk.bell.ring(run.id)
    return _accepted(desk, run.id)


def approve(desk: Desk, ask: Ask) -> Response:
    """Let a run go on that waits for a yes to its plan."""
    spec: ApproveSpec = ask.body
    run = known(lambda: desk.runs.approve(ask.path["run_id"], ask.principal.id, spec.text))
    desk.bell.ring(run.id)
    return _accepted(desk, run.id)


def messages(desk: Desk, ask: Ask) -> Response:
    """Tell the agent something before its next iteration."""
    spec: MessageSpec = ask.body
    run = known(lambda: desk.runs.say(ask.path["run_id"], ask.principal.id, spec.text))
    return _accepted(desk, run.id)


def pause(desk: Desk, ask: Ask) -> Response:
    """Let nothing new be claimed; what runs goes on to its end."""
    spec: PauseSpec = ask.body
    desk.runs.pause(_scope(desk, spec), ask.principal.id, spec.reason or "paused over the API")
    return JSONResponse({"paused": spec.repository or "*"})


def resume(desk: Desk, ask: Ask) -> Response:
    """The end of a pause."""
    spec: PauseSpec = ask.body
    desk.runs.resume(_scope(desk, spec))
    desk.bell.ring(None)
    return JSONResponse({"resumed": spec.repository or "*"})


def _scope(desk: Desk, spec: PauseSpec) -> str:
    scope: str = desk.catalogue.find(spec.repository).scope if spec.repository else "*"
    return scope


def _accepted(desk: Desk, run_id: str) -> Response:
    return JSONResponse(desk.reading.run(run_id), 202)
