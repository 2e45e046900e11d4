"""What came in, as frozen values: one type for each thing that can be asked of us or told to us. `handlers.parsing` makes them."""

from dataclasses import dataclass
from enum import Enum, auto

from jobs.model import Actor, ItemKind, Repository


@dataclass(frozen=True, slots=True)
class Sender:
    """Who did it, by numeric id. `app` is the App through which a person did it, if one was used."""

    id: int
    login: str
    bot: bool = False
    app: int | None = None

    @property
    def actor(self) -> Actor:
        """The same as the core knows people."""
        return Actor(self.id, self.login)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something GitHub told us; the concrete types below are the whole set."""

    delivery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Event):
    """Somebody wants something of us, so every guard has a say. `key` is the same for the same asking, however often it arrives."""

    repository: Repository
    sender: Sender | None
    number: int
    kind: ItemKind
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnItem(Asked):
    """As `Asked`, with the issue or pull request as it was at that moment: a later edit changes nothing."""

    title: str
    body: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled(OnItem):
    """A label was put on an issue."""

    label: str


class Spoken(Enum):
    """Where somebody said something: on the item itself, beside a line of a pull request's change, or with a review of it."""

    ON_ITEM = auto()
    BESIDE = auto()
    IN_REVIEW = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a change a comment stands, and the comment that its thread began with; `line` is None for a whole file."""

    thread: int
    path: str
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented(OnItem):
    """A new comment on an issue or pull request, before anything in it is understood. `place` is there for one beside a line."""

    comment: int
    said: str
    spoken: Spoken = Spoken.ON_ITEM
    place: Place | None = None

    @property
    def order(self) -> int | None:
        """The comment's id where ids tell which of two was first: only those on items themselves are counted together."""
        return self.comment if self.spoken is Spoken.ON_ITEM else None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a command, validated."""

    agent: str | None = None
    flow: str | None = None
    base: str | None = None
    budget: float | None = None
    sha: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Commented):
    """One command of a comment; `said` is the free text that belongs to it, `free` that it was given without naming a command."""

    command: str
    options: Options = Options()
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistyped(Commented):
    """A line that was meant as a command and is none; `answer` says why and what to write instead."""

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark(Commented):
    """A comment without a command; `said` is what of it is the writer's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPressed(Asked):
    """A button of our check run: `stop`, `retry` or `fix`; GitHub's own "Re-run" is `retry`."""

    run_id: str
    button: str
    sha: str
    app: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRerequested(Asked):
    """All checks of a commit are to run again."""

    sha: str
    app: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabeled(Event):
    """A label was taken off."""

    repository: Repository
    sender: Sender | None
    number: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemClosed(Event):
    """An issue or pull request was closed, merged, deleted or moved away; `how` is the word for it."""

    repository: Repository
    sender: Sender | None
    number: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksMoved(Event):
    """A check, status or workflow of a commit came to an end."""

    repository: Repository
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed(Event):
    """A branch was moved or made."""

    repository: Repository
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationMoved(Event):
    """An installation of ours was made, changed, suspended or removed; `repositories` are those the change is about (empty: all)."""

    installation: int
    change: str
    repositories: tuple[int, ...] = ()
