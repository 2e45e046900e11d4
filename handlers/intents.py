"""What a handler wants done, as orders. `app/perform` carries them out in one exhaustive match."""

from dataclasses import dataclass

from jobs.errors import Reason
from jobs.evidence import Finding
from jobs.model import Repository, RunRequest, Source


@dataclass(frozen=True, slots=True)
class StartRun:
    """Record a run under `request.intent_key` and queue it; the same key again is the same run."""

    request: RunRequest


@dataclass(frozen=True, slots=True)
class RejectRun:
    """Record that the request was made and may not start, and why; `details` are the single points.

    `findings` are the points as they are shown on `commit`, where it is a commit of the repository's own that turned the request away.
    """

    request: RunRequest
    reason: Reason
    details: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class StopRun:
    """Stop whatever runs or waits on the item; said in a `comment`, only what no later comment asked for."""

    repository: Repository
    number: int
    actor: str
    why: str
    comment: int | None = None


@dataclass(frozen=True, slots=True)
class RetryRun:
    """Unpark the item's run, or start its last final one again as a new run under `intent_key`."""

    repository: Repository
    number: int
    source: Source
    intent_key: str


@dataclass(frozen=True, slots=True)
class RetryById:
    """As RetryRun, for the run whose id GitHub gives back to us (a check run's `external_id`)."""

    run_id: str
    repository: Repository
    source: Source
    intent_key: str


@dataclass(frozen=True, slots=True)
class RetryByCommit:
    """As RetryRun, for the newest run that delivered or checked the commit."""

    sha: str
    repository: Repository
    source: Source
    intent_key: str


@dataclass(frozen=True, slots=True)
class ShowAgain:
    """Write a run's check as it is once more: GitHub shows what was to run again as queued until somebody says how it stands."""

    run_id: str


@dataclass(frozen=True, slots=True)
class FixById:
    """Start the flow `fix` on what a run delivered, or on what it was asked for, as the commit stands that GitHub shows."""

    run_id: str
    repository: Repository
    source: Source
    intent_key: str
    sha: str


@dataclass(frozen=True, slots=True)
class StopById:
    """As StopRun, for the run whose id GitHub gives back to us."""

    run_id: str
    repository: Repository
    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class ApproveRun:
    """Let the item's waiting run go on."""

    repository: Repository
    number: int
    actor: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Steer:
    """Give the item's active run a message; without one it is what `otherwise` says, or nothing."""

    repository: Repository
    number: int
    actor: str
    text: str
    comment: int
    otherwise: RunRequest | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Let nothing be claimed for the repository (None: for all) until resumed."""

    repository: Repository | None
    actor: str


@dataclass(frozen=True, slots=True)
class Resume:
    """The end of a pause."""

    repository: Repository | None
    actor: str


@dataclass(frozen=True, slots=True)
class Report:
    """Answer on the item with something only the store knows: `status`, `logs` or `config`."""

    repository: Repository
    number: int
    what: str
    key: str
    thread: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Say something on the item, or in the `thread` beside a line that a comment began; once per `key`."""

    repository: Repository
    number: int
    text: str
    key: str
    thread: int | None = None


@dataclass(frozen=True, slots=True)
class React:
    """Put a reaction on a comment, which is `beside` a line or not, or on the item itself when `comment` is None."""

    repository: Repository
    number: int
    comment: int | None
    content: str = "eyes"
    beside: bool = False


@dataclass(frozen=True, slots=True)
class CiMoved:
    """The checks of a commit changed: whoever waits for them should look."""

    repository: Repository
    sha: str


@dataclass(frozen=True, slots=True)
class InstallationChanged:
    """An installation was suspended, unsuspended, removed or lost repositories (`repositories` empty: all of them)."""

    installation: int
    change: str
    repositories: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ForgetShared:
    """What an installation's owner has for all of theirs may be another thing now: it is to be read again."""

    installation: int


@dataclass(frozen=True, slots=True)
class FetchAhead:
    """Have the tip of a branch here before a run asks for it, where the repository is worked on at all."""

    repository: Repository
    branch: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is to be done, for this reason; it becomes the inbox row's."""

    reason: str


Intent = (
    StartRun
    | RejectRun
    | StopRun
    | RetryRun
    | RetryById
    | RetryByCommit
    | ShowAgain
    | FixById
    | StopById
    | ApproveRun
    | Steer
    | Pause
    | Resume
    | Report
    | Reply
    | React
    | CiMoved
    | InstallationChanged
    | ForgetShared
    | FetchAhead
    | Ignore
)
"""An order: the whole set."""
