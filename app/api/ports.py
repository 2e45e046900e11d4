"""What the web role needs of the rest of the service, as roles."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.access import Access
from app.api.seats import Seats
from app.api.watching import Watch
from jobs.model import Repository, Run, RunRequest, Source
from jobs.ports import Clock
from jobs.rules import Rules


class Reading(Protocol):
    """What there is to look at, as plain JSON data in the contract's words."""

    def run(self, run_id: str) -> dict[str, Any]:
        """The whole page of a run. Raises KeyError for an id that is not whole and known."""
        ...

    def runs(
        self,
        *,
        state: str | None = None,
        repository: str | None = None,
        scope: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        within: Collection[str] | None = None,
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Runs of the scopes `within` (None: of all), newest first, and the cursor of the next page.

        Raises UserError for a cursor that is none of ours.
        """
        ...

    def find(self, text: str) -> Sequence[Mapping[str, Any]]:
        """The runs that a text has a clue to, each with what it was found by."""
        ...

    def events(self, run_id: str, *, after: int = 0, limit: int = 500) -> Sequence[Mapping[str, Any]]:
        """What happened to a run after a sequence number, oldest first. Raises KeyError as `run`."""
        ...

    def activity(self, run_id: str, *, after: int = 0, limit: int = 500) -> Sequence[Mapping[str, Any]]:
        """What the run's agents are doing, after a sequence number, oldest first: the newest lines, already masked."""
        ...

    def agents(self) -> Sequence[Mapping[str, Any]]:
        """The agents as each host's keeper last found them."""
        ...

    def agent_events(self, window_s: float, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """What became of agents in the last `window_s` seconds, newest first."""
        ...


class Runs(Protocol):
    """What people may do to runs. Each raises KeyError for an unknown id and UserError where the state does not allow it."""

    def start(self, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
        """The run of a request, and whether it is new."""
        ...

    def get(self, run_id: str) -> Run:
        """A run as it stands."""
        ...

    def stop(self, run_id: str, actor: str, why: str) -> Run:
        """Stop it, at once or as soon as its worker sees it."""
        ...

    def retry(self, run_id: str, source: Source, intent_key: str) -> tuple[Run, bool]:
        """Go on with a parked one, or start a final one again: the run that goes on, or a new one and True."""
        ...

    def approve(self, run_id: str, actor: str, text: str) -> Run:
        """Let it go on."""
        ...

    def say(self, run_id: str, actor: str, text: str, comment: int | None = None) -> Run:
        """Tell its agent something."""
        ...

    def pin(self, run_id: str, *, pinned: bool = True) -> None:
        """Keep what it left behind, whatever its age, or no longer."""
        ...

    def pause(self, scope: str, actor: str, reason: str) -> None:
        """Let nothing be claimed in a scope; `*` is everything."""
        ...

    def resume(self, scope: str) -> bool:
        """The end of a pause; False when there was none."""
        ...


class Bell(Protocol):
    """Wakes whoever may have something to do; a missed ring costs time, never a run."""

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        """Say that a function has a row to look at."""
        ...


class Shelf(Protocol):
    """Large outputs, kept whole."""

    def get(self, run_id: str, name: str) -> bytes:
        """The data. Raises KeyError."""
        ...


class Callbacks(Protocol):
    """The callbacks that go out."""

    def listing(
        self, state: str | None = None, run_id: str | None = None, limit: int = 100, within: Collection[str] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of the scopes `within` (None: of all), newest first."""
        ...

    def replay(self, row_id: str) -> None:
        """Send one again. Raises KeyError, and UserError for one that cannot be."""
        ...


class Catalogue(Protocol):
    """The repositories the service may work on."""

    def find(self, name: str) -> Repository:
        """The repository of that name. Raises UserError when it is not one of ours, Fault when nobody can tell right now."""
        ...

    def rules(self, repository: Repository) -> Rules:
        """Its configuration. Raises UserError naming every mistake in it, Fault when it cannot be read right now."""
        ...

    def admit(self, rules: Rules, agent: str | None) -> None:
        """Return when a request may name the agent. Raises UserError that names those it may."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the web role has at hand."""

    reading: Reading
    runs: Runs
    catalogue: Catalogue
    artifacts: Shelf
    callbacks: Callbacks
    bell: Bell
    access: Access
    clock: Clock
    seats: Seats
    watch: Watch
