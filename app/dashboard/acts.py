"""What a form may do: the same transitions as the API. Each answers with the page to go to."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.access import Principal, Scope
from app.api.acting import rouse
from app.api.problems import Problem
from app.api.reading import known
from app.dashboard.office import Office
from app.operating import again
from jobs.model import Run


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was let in: who sent it, from which page, and what is in it."""

    principal: Principal
    path: Mapping[str, str]
    fields: Mapping[str, str]

    @property
    def run_id(self) -> str:
        """The run the form is about."""
        return self.path["run_id"]

    def text(self, most: int = 16_000) -> str:
        """What was written into it."""
        return self.fields.get("text", "").strip()[:most]


@dataclass(frozen=True, slots=True)
class Act:
    """A form's address, the scope it needs, and what it does."""

    path: str
    need: Scope
    do: Callable[[Office, Form], str]


def stop(office: Office, form: Form) -> str:
    """Stop a run."""
    why = form.text(500) or f"Stopped in the dashboard by {form.principal.id}."
    return _moved(office, known(lambda: office.desk.runs.stop(form.run_id, form.principal.id, why)))


def retry(office: Office, form: Form) -> str:
    """Go on with a run, or start it again; the page of the run that does."""
    before = known(lambda: office.desk.runs.get(form.run_id))
    key = f"dashboard:retry:{before.id}:{secrets.token_hex(8)}"
    run, _new = office.desk.runs.retry(before.id, again(before.request.source), key)
    return _moved(office, run)


def approve(office: Office, form: Form) -> str:
    """Say yes to a plan."""
    return _moved(office, known(lambda: office.desk.runs.approve(form.run_id, form.principal.id, form.text())))


def say(office: Office, form: Form) -> str:
    """Tell the agent something."""
    if not form.text():
        raise Problem(422, "Write what the agent should hear, then send it.")
    return _moved(office, known(lambda: office.desk.runs.say(form.run_id, form.principal.id, form.text())))


def replay_webhook(office: Office, form: Form) -> str:
    """Work a webhook again."""
    row = form.path["row"]
    if not (row.isascii() and row.isdecimal() and len(row) < 19):
        raise Problem(404, "There is no such webhook.")
    _replayed(lambda: office.inbox.replay(int(row)))
    office.desk.bell.ring("intake", int(row))
    return "/inbox"


def replay_callback(office: Office, form: Form) -> str:
    """Send a callback again."""
    _replayed(lambda: office.outbox.replay(form.path["row"]))
    return "/callbacks"


def pause(office: Office, form: Form) -> str:
    """Let nothing new be claimed."""
    office.desk.runs.pause("*", form.principal.id, form.text(500) or f"Paused in the dashboard by {form.principal.id}.")
    return "/queue"


def resume(office: Office, form: Form) -> str:
    """The end of a pause, of everything or of one scope."""
    office.desk.runs.resume(form.fields.get("scope", "*"))
    return "/queue"


def _moved(office: Office, run: Run) -> str:
    rouse(office.desk.bell, run)
    return f"/runs/{run.id}"


def _replayed(replay: Callable[[], None]) -> None:
    try:
        replay()
    except KeyError as error:
        raise Problem(404, "There is no such row any more. Load the list again.") from error


ACTS: tuple[Act, ...] = (
    Act("/runs/{run_id}/stop", Scope.RUN, stop),
    Act("/runs/{run_id}/retry", Scope.RUN, retry),
    Act("/runs/{run_id}/approve", Scope.RUN, approve),
    Act("/runs/{run_id}/say", Scope.RUN, say),
    Act("/inbox/{row}/replay", Scope.ADMIN, replay_webhook),
    Act("/callbacks/{row}/replay", Scope.ADMIN, replay_callback),
    Act("/pause", Scope.ADMIN, pause),
    Act("/resume", Scope.ADMIN, resume),
)
