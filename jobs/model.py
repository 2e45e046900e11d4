"""The values the engine works on: who asked for what, and where the run stands. All frozen; parsing is at the edge."""

from dataclasses import dataclass, field
from enum import StrEnum

from jobs.errors import Reason
from jobs.evidence import AgentResult, Finding, GateReport, Receipt, Snapshot
from jobs.rules import Rules, StepRule


class RunState(StrEnum):
    """Where a run stands, as the outside sees it."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_CI = "awaiting_ci"
    DELIVERING = "delivering"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.REJECTED})


HELD = frozenset({RunState.RUNNING, RunState.DELIVERING})
"""The states in which a worker holds the run under a lease."""


class Phase(StrEnum):
    """What the worker that holds the run does next."""

    PREPARE = "prepare"
    BUILD = "build"
    SNAPSHOT = "snapshot"
    VERIFY = "verify"
    FEEDBACK = "feedback"
    NEXT = "next"
    DELIVER = "deliver"
    DONE = "done"


class ItemKind(StrEnum):
    """What a run was asked for on."""

    ISSUE = "issue"
    PULL = "pull"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Repository:
    """Identity is the pair of numeric ids; the name is for people and for building URLs, and may change.

    `installation` 0 means a repository of this machine's file system, at `path`, with no GitHub behind it.
    """

    id: int
    full_name: str
    installation: int = 0
    default_branch: str = "main"
    path: str | None = None

    @property
    def scope(self) -> str:
        """The key every row and query is separated by; compared whole, never by prefix."""
        return f"{self.installation}:{self.id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked. `permission` is what the forge answered when it was asked, never `author_association`; `needed` what it took."""

    id: int
    login: str
    permission: str = "none"
    name: str = ""
    email: str = ""
    needed: str = "write"


@dataclass(frozen=True, slots=True)
class Item:
    """An issue or pull request as it stands now. The `head_*` fields are a pull request's."""

    kind: ItemKind
    number: int
    title: str
    body: str
    open: bool
    author: int
    labels: tuple[str, ...] = ()
    url: str = ""
    head_sha: str | None = None
    head_ref: str | None = None
    head_repository: int | None = None
    base_ref: str | None = None
    draft: bool = False
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Recent:
    """How often was asked within the window of an hour that is number `window`, by the same actor and on the same item."""

    actor: int
    item: int
    window: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a run comes from; every outbound record can be traced to it."""

    trigger: str  # label | command | api | cli | schedule | rerequest
    delivery: str | None = None
    item: ItemKind = ItemKind.NONE
    number: int | None = None
    comment: int | None = None
    actor: Actor | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One piece of asked work, as it was asked; never changed afterwards.

    `intent_key` is unique: the same request can be recorded any number of times and is one run.
    `base` is the branch to work on (None: the default branch); `head_sha` is the authorised head of a pull request, and `remarks` what
    its reviewers wrote beside its lines and what failed on it by then.
    """

    intent_key: str
    repository: Repository
    source: Source
    title: str
    body: str = ""
    instructions: str = ""
    flow: str = "implement"
    agent: str | None = None
    base: str | None = None
    head_sha: str | None = None
    head_ref: str | None = None
    deliver: str | None = None
    deliver_to: str | None = None
    callback_url: str | None = None
    wall_s: float | None = None
    iterations: int | None = None
    cost_usd: float | None = None
    retry_of: str | None = None
    remarks: tuple[Finding, ...] = ()
    priority: int = 0
    test: bool = False

    @property
    def queue(self) -> str:
        """Which workers may take it: `agents`; `test`, which production workers leave alone; or `local`, one process's own."""
        if self.source.trigger == "cli":
            return "local"
        return "test" if self.test else "agents"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a run. `token` only grows: a writer with an older one has lost it."""

    token: int
    owner: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands after its last stored event. `version` is the sequence number of that event."""

    id: str
    request: RunRequest
    rules: Rules
    state: RunState = RunState.QUEUED
    phase: Phase = Phase.PREPARE
    reason: Reason | None = None
    step: str = ""
    attempt: int = 0
    iteration: int = 0
    launched: bool = False
    base_sha: str | None = None
    snapshot: Snapshot | None = None
    verified: GateReport | None = None
    last_result: AgentResult | None = None
    findings: tuple[Finding, ...] = ()
    seen: tuple[str, ...] = ()
    plan: str = ""
    summary: str = ""
    title: str = ""
    receipt: Receipt | None = None
    check_run: int | None = None
    stumbles: int = 0
    infra_failures: int = 0
    lost_workers: int = 0
    parks: int = 0
    rejections: int = 0
    ci_rounds: int = 0
    approved: bool = False
    active_s: float = 0.0
    claimed_at: float | None = None
    phase_at: float | None = None
    cost_usd: float | None = None
    tokens: int = 0
    unpriced: int = 0
    not_before: float = 0.0
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    stop_requested: str | None = None
    lease: Lease | None = field(default=None, compare=False)
    version: int = 0

    @property
    def repository(self) -> Repository:
        """The repository the run works on."""
        return self.request.repository

    @property
    def current(self) -> StepRule:
        """The step the run is in; the first one before it has started."""
        return self.rules.step(self.request.flow, self.step)

    @property
    def short(self) -> str:
        """The part of the id that appears in branch names."""
        return self.id[:8]

    @property
    def turn(self) -> str:
        """What the artifacts of its present launch are called: no other launch of the run has the same.

        A step that was sent back begins to count its iterations again, so the number of rejections stands behind them.
        """
        again = f"r{self.rejections}" if self.rejections else ""
        return f"{self.attempt}-{self.step}-{self.iteration}{again}"

    @property
    def is_final(self) -> bool:
        """Whether nothing will ever change this run again."""
        return self.state in FINAL
