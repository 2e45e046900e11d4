"""What the dashboard has at hand, beside the API's desk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.api.health import Part
from app.api.ports import Desk
from app.dashboard.sign_in import Ways
from jobs.model import Actor, Repository, Source


class Looking(Protocol):
    """What only the dashboard looks at. `within` are the scopes to look at; None is all of them."""

    def find(self, text: str, within: Collection[str] | None = None) -> Sequence[Mapping[str, Any]]:
        """The runs that a text has a clue to, newest first, each with `found_by`."""
        ...

    def queue(self, limit: int = 200, within: Collection[str] | None = None) -> dict[str, Any]:
        """Who is at work and who waits."""
        ...

    def health(self) -> dict[str, Any]:
        """Whether work gets done."""
        ...

    def ended(self, window_s: float, within: Collection[str] | None = None) -> dict[str, Any]:
        """How many runs ended in a window, by state, and what is known of their cost."""
        ...

    def spent(self, days: int = 7) -> Sequence[Mapping[str, Any]]:
        """What was spent and is set aside of each budget, in whole units, on the last days: the newest day first."""
        ...

    def agents(self) -> Sequence[Mapping[str, Any]]:
        """The agents as each host's keeper last found them."""
        ...

    def agent_events(self, window_s: float, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """What became of agents in the last `window_s` seconds, newest first."""
        ...

    def activity(self, run_id: str, *, after: int = 0, limit: int = 500) -> Sequence[Mapping[str, Any]]:
        """What the run's agents are doing, after a sequence number, oldest first: the newest `limit` lines."""
        ...

    def names(self, scopes: Collection[str]) -> dict[str, str]:
        """What the repositories of these scopes are called, where that is known."""
        ...


class Inbox(Protocol):
    """The webhooks that came in."""

    def listing(self, state: str | None = None, limit: int = 100, before: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Rows, newest first."""
        ...

    def replay(self, row_id: int) -> None:
        """Work one again. Raises KeyError."""
        ...


class Outbox(Protocol):
    """The callbacks that go out."""

    def listing(
        self, state: str | None = None, run_id: str | None = None, limit: int = 100, within: Collection[str] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Rows, newest first."""
        ...

    def replay(self, row_id: str) -> None:
        """Send one again. Raises KeyError."""
        ...


class Standing(Protocol):
    """What somebody who signed in with GitHub may do."""

    def refusal(self, command: str, repository: Repository, source: Source | None, actor: Actor) -> str | None:
        """Why the actor may not give this command there, in a sentence; None when they may. Raises Fault when nobody can tell."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """Everything a page may show or do."""

    desk: Desk
    looking: Looking
    inbox: Inbox
    outbox: Outbox
    parts: tuple[Part, ...]
    settings: Mapping[str, Any]
    ways: Ways = field(kw_only=True)
    standing: Standing = field(kw_only=True)
