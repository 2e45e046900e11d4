"""What `slipway` alone says: what it is, and what to do next here, by what is here already."""

from collections.abc import Iterator

from app.cli.opening import Opened, made, opened
from app.settings import SettingsInvalid, from_environment
from infra.store.pauses import EVERYTHING
from jobs.errors import Fault, UserError
from jobs.model import RunState

WELCOME = """Slipway turns an issue label or a comment into a verified pull request.

  slipway demo      see it work here, nothing configured
  slipway up        start the service of this machine
  slipway doctor    check what is configured and what is missing
  slipway runs      look at what has been done

'slipway --help' names every command, 'slipway COMMAND --help' explains one."""
NOTHING = "Nothing was started here yet. Next: slipway demo"


def welcome() -> str:
    """The whole text; quick, and never a failure."""
    return f"{WELCOME}\n\n{next_step()}"


def next_step() -> str:
    """One line: what this installation waits for."""
    try:
        if not made(from_environment()):
            return NOTHING
        with opened() as store:
            return next(_waits(store))
    except SettingsInvalid as error:
        return f"The settings cannot be used ({error.problems[0]}). Next: slipway doctor"
    except (UserError, Fault) as error:
        return f"{' '.join(str(error).split())} Next: slipway doctor"


def _waits(store: Opened) -> Iterator[str]:
    """What is most urgent comes first; the last line is always true."""
    health = store.reading.health()
    if not any(one["role"] == "worker" for one in health["workers"]):
        yield "No worker runs. Next: slipway up"
    if EVERYTHING in health["paused"]:
        yield f"Everything is paused: {health['paused'][EVERYTHING]} Next: slipway resume"
    for state, what, command in (
        (RunState.AWAITING_APPROVAL, "waits for a yes to its plan", "slipway show"),
        (RunState.RUNNING, "is being worked on", "slipway events -f"),
    ):
        for run in store.reading.runs(state=state, limit=1)[0]:
            yield f"A run {what}. Next: {command} {run['id']}"
    if store.settings.github_app_id is None:
        yield "It runs, without GitHub. Next: connect an App as /setup on the dashboard says, or slipway run --title …"
    yield "It runs. Next: put the label 'slipway' on an issue, or slipway runs"
