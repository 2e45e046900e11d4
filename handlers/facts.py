"""What a decision needs to know beside the event itself. Fetched when first needed, never by a handler."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from jobs.config import Mistake
from jobs.model import Actor, Item, Recent, Repository, Run
from jobs.rules import Rules


class Forge(Protocol):
    """Reads of one forge. Every method raises Fault (`github_unavailable`, …) when there is no answer: doubt is no."""

    def repository(self, repository: Repository) -> Repository:
        """The same repository with its present name and default branch. Raises Refused(`repository_gone`)."""
        ...

    def permission(self, repository: Repository, actor: Actor) -> str:
        """Admin | maintain | write | triage | read | none, by the collaborator permission API (`role_name` where given)."""
        ...

    def config(self, repository: Repository) -> str | None:
        """The text of `.github/slipway.yml` on the default branch; None when there is none."""
        ...

    def tip(self, repository: Repository) -> str | None:
        """The commit its default branch stands at; None where there is none that could show a check run."""
        ...

    def item(self, repository: Repository, number: int) -> Item:
        """The issue or pull request. Raises Refused(`github_refused`) when it is gone."""
        ...

    def own(self, repository: Repository) -> frozenset[int]:
        """The user ids our own writes carry there; none where nobody is written to."""
        ...

    def teams(self, repository: Repository, actor: Actor, names: Collection[str]) -> frozenset[str]:
        """Those of the teams (`owner/slug`) that the actor is a member of. Only teams of the repository's own organisation can be asked."""
        ...

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """The id of the newest `labeled` event of that label (GET /issues/{n}/events), for the intent key."""
        ...


class Need(Enum):
    """A fact that has to be fetched, named by whoever reads it."""

    OWN = auto()
    ACTIVE = auto()
    TEAMS = auto()
    RULES = auto()
    PERMISSION = auto()
    ITEM = auto()
    LABEL_EVENT = auto()
    TURNED_AWAY = auto()
    RECENT = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whom and what the operator lets in. Empty sets of repositories, users and teams let in all that GitHub says has the right.

    Repositories are full names, `owner/*` or numeric ids; users are logins or numeric ids, teams `owner/slug`, all in small letters; bots
    are numeric ids only, and each counts as having `bot_role`, for GitHub gives Apps no role. What is kept out is out, whatever lets it in.
    `own` are the user ids our own writes carry; `agents` are those that may be asked for (None: every one).
    """

    app: int = 0
    own: frozenset[int] = frozenset()
    repositories: frozenset[str] = frozenset()
    users: frozenset[int | str] = frozenset()
    teams: frozenset[str] = frozenset()
    bots: frozenset[int] = frozenset()
    bot_role: str = "write"
    kept_out_repositories: frozenset[str] = frozenset()
    kept_out_users: frozenset[int | str] = frozenset()
    kept_out_teams: frozenset[str] = frozenset()
    agents: tuple[str, ...] | None = None
    actor_per_hour: int = 30
    item_per_hour: int = 10


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A run that was turned away before it began, and the item it was asked for on as that stands now; None when it is gone."""

    run: Run
    item: Item | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known while one asking is decided. A fact nobody fetched reads as the answer that admits nothing.

    `teams` are those of the operator's that the actor is in; `needed` is the role that was found to be enough.
    `stopped` says that a later comment on the item, which was heard before this one, told us to stop. `mistakes` are the repository's
    configuration's; with any, `rules` are the defaults and nothing may be started by them, and `config_at` is the commit of the default
    branch on which they were found. `turned_away` are the runs that a retry, a button or a suite is about, where they never began.
    """

    admitted: Admitted = Admitted()
    active: bool = False
    rules: Rules = field(default_factory=lambda: Rules(enabled=False))
    mistakes: tuple[Mistake, ...] = ()
    config_at: str | None = None
    permission: str = "none"
    needed: str = "write"
    teams: frozenset[str] = frozenset()
    item: Item | None = None
    label_event: int | None = None
    turned_away: tuple[TurnedAway, ...] = ()
    recent: Recent | None = None
    stopped: bool = False
