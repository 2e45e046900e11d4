"""What the fake GitHub remembers: plain records, no behaviour beyond small look-ups."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass
class User:
    """An account: a person, an organization or the App's own bot."""

    id: int
    login: str
    type: str = "User"  # User | Bot | Organization


@dataclass
class App:
    """The one registered GitHub App."""

    id: int
    slug: str
    owner: User
    bot: User
    public_key: str
    hook_id: int
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: float


@dataclass
class Installation:
    """The App on one account, with the repositories that account selected."""

    id: int
    account: User
    repositories: set[int]
    permissions: dict[str, str]
    created_at: float
    suspended: bool = False
    removed: bool = False
    remaining: int = 5000
    reset_at: float = 0.0
    held_until: float = 0.0


@dataclass
class Token:
    """An installation token as it was minted."""

    text: str
    installation: Installation
    repositories: frozenset[int]
    permissions: dict[str, str]
    expires_at: float
    revoked: bool = False


@dataclass
class SignIn:
    """Somebody on the way through the sign-in page. `challenge` is what the verifier must hash to."""

    user: User
    challenge: str
    token: str | None = None


@dataclass
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Reaction:
    """A reaction; the same user and content again is the same one."""

    id: int
    user: User
    content: str
    created_at: float


@dataclass
class Comment:
    """A comment of an issue or pull request."""

    id: int
    number: int
    user: User
    body: str
    created_at: float
    updated_at: float
    reactions: list[Reaction] = field(default_factory=list)
    hidden_reads: int = 0


@dataclass
class ReviewComment:
    """A comment beside a line of a pull request; `line` is None once the line was changed."""

    id: int
    number: int
    user: User
    body: str
    path: str
    line: int | None
    sha: str
    created_at: float
    answers: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass
class Review:
    """A review of a pull request as a whole, and what is said with it."""

    id: int
    number: int
    user: User
    body: str
    state: str
    sha: str
    created_at: float


@dataclass
class IssueEvent:
    """A line of an item's history (`labeled`, `unlabeled`, `closed`, …)."""

    id: int
    event: str
    actor: User
    created_at: float
    label: Label | None = None
    hidden_reads: int = 0


@dataclass
class PullSide:
    """What makes an issue a pull request."""

    head_ref: str
    head_repository: int
    base_ref: str
    draft: bool = False
    merged_at: float | None = None
    frozen_sha: str | None = None  # the head once it is closed, for its branch may go
    reviewers: list[User] = field(default_factory=list)


@dataclass
class Issue:
    """An issue, or a pull request when `pull` is set."""

    id: int
    number: int
    title: str
    body: str
    user: User
    created_at: float
    updated_at: float
    state: str = "open"
    locked: bool = False
    closed_at: float | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    milestone: int | None = None
    reactions: list[Reaction] = field(default_factory=list)
    events: list[IssueEvent] = field(default_factory=list)
    pull: PullSide | None = None
    hidden_reads: int = 0


@dataclass
class CheckRun:
    """A check run of any app."""

    id: int
    suite: int
    app: App
    name: str
    head_sha: str
    status: str
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: float = 0.0
    completed_at: float | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    hidden_reads: int = 0


@dataclass
class CommitStatus:
    """A status somebody's CI put on a commit."""

    id: int
    sha: str
    state: str
    context: str
    creator: User
    description: str | None
    target_url: str | None
    created_at: float


@dataclass
class Workflow:
    """A run of a workflow of GitHub Actions."""

    id: int
    name: str
    head_sha: str
    head_branch: str
    conclusion: str | None
    created_at: float


@dataclass
class Milestone:
    """A milestone, by its number in the repository."""

    id: int
    number: int
    title: str
    creator: User
    created_at: float


@dataclass
class Repository:
    """A repository: its metadata here, its commits in the real bare repository at `path`."""

    id: int
    owner: User
    name: str
    path: Path
    created_at: float
    private: bool = True
    default_branch: str = "main"
    archived: bool = False
    deleted: bool = False
    collaborators: dict[int, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    items: dict[int, Issue] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    review: list[ReviewComment] = field(default_factory=list)
    checks: dict[int, CheckRun] = field(default_factory=dict)
    suites: dict[tuple[int, str], int] = field(default_factory=dict)
    statuses: list[CommitStatus] = field(default_factory=list)
    milestones: dict[int, Milestone] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`owner/name` as it is now."""
        return f"{self.owner.login}/{self.name}"


@dataclass
class Delivery:
    """One sending of a webhook. A redelivery is another row with the same guid."""

    id: int
    guid: str
    event: str
    action: str | None
    installation: int | None
    repository: int | None
    payload: dict[str, Any]
    at: float
    headers: dict[str, str]
    redelivery: bool = False
    status_code: int = 0
    answer: str = ""
    sent: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: one HTTP call as the fake saw it."""

    method: str
    template: str
    path: str
    query: dict[str, str]
    actor: str
    repository: int | None
    body: Any
    at: float
    status: int
    fault: str = ""
    during_hold: bool = False
