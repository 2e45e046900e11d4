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
from infra.store.pauses import EVERYTHING
from jobs.model import Repository, Run, Source


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
    """A form's address, the scope a token needs for it, and what it does.

    Whoever signed in with GitHub needs there what the comment `command` takes; without one it is the operators' alone.
    """

    path: str
    need: Scope
    do: Callable[[Office, Form], str]
    command: str = ""


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
    if not _is_id(row):
        raise Problem(404, "There is no such webhook.")
    _replayed(lambda: office.inbox.replay(int(row)))
    office.desk.bell.ring("intake", int(row))
    return "/inbox"


def replay_callback(office: Office, form: Form) -> str:
    """Send a callback again."""
    _replayed(lambda: office.outbox.replay(form.path["row"]))
    return "/callbacks"


def pin(office: Office, form: Form) -> str:
    """Keep what a run left behind, whatever its age, or no longer."""
    known(lambda: office.desk.runs.pin(form.run_id, pinned=form.fields.get("pinned") == "yes"))
    return f"/runs/{form.run_id}"


def pause(office: Office, form: Form) -> str:
    """Let nothing new be claimed, of everything or of one repository."""
    repository = about(office, form).repository
    why = form.text(500) or f"Paused in the dashboard by {form.principal.id}."
    office.desk.runs.pause(repository.scope if repository else EVERYTHING, form.principal.id, why)
    return "/queue"


def resume(office: Office, form: Form) -> str:
    """The end of a pause, of everything or of one repository."""
    repository = about(office, form).repository
    office.desk.runs.resume(repository.scope if repository else EVERYTHING)
    return "/queue"


@dataclass(frozen=True, slots=True)
class About:
    """What a form is about: a run's repository and source, a repository, or (without one) everything."""

    repository: Repository | None = None
    source: Source | None = None


def about(office: Office, form: Form) -> About:
    """Raises Problem 404 for a run that is not there, UserError for a repository that is not ours."""
    if "run_id" in form.path:
        run = known(lambda: office.desk.runs.get(form.run_id))
        return About(run.repository, run.request.source)
    if scope := form.fields.get("scope", "").strip():
        return About(_of_scope(scope))
    name = form.fields.get("repository", "").strip()
    return About(office.desk.catalogue.find(name) if name else None)


def _of_scope(scope: str) -> Repository | None:
    """The repository of a scope, by its ids alone. Raises Problem for what is none."""
    if scope == EVERYTHING:
        return None
    installation, _, number = scope.partition(":")
    if not (_is_id(installation) and _is_id(number)):
        raise Problem(422, "That is no scope. Load the page again.")
    return Repository(int(number), scope, int(installation))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _moved(office: Office, run: Run) -> str:
    rouse(office.desk.bell, run)
    return f"/runs/{run.id}"


def _replayed(replay: Callable[[], None]) -> None:
    try:
        replay()
    except KeyError as error:
        raise Problem(404, "There is no such row any more. Load the list again.") from error


ACTS: tuple[Act, ...] = (
    Act("/runs/{run_id}/stop", Scope.RUN, stop, "stop"),
    Act("/runs/{run_id}/retry", Scope.RUN, retry, "retry"),
    Act("/runs/{run_id}/approve", Scope.RUN, approve, "approve"),
    Act("/runs/{run_id}/say", Scope.RUN, say, "run"),
    Act("/runs/{run_id}/pin", Scope.RUN, pin, "retry"),
    Act("/inbox/{row}/replay", Scope.ADMIN, replay_webhook),
    Act("/callbacks/{row}/replay", Scope.ADMIN, replay_callback),
    Act("/pause", Scope.ADMIN, pause, "pause"),
    Act("/resume", Scope.ADMIN, resume, "resume"),
)
