"""The store as plain rows, and what others saw, as far as `jobs.invariants` has to look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.model import Phase, RunState


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be: which invariant, of what, and the evidence in a sentence."""

    invariant: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, as far as the checks need it. `receivers` are those that are to be told of the state it is in."""

    id: str
    intent_key: str
    scope: str
    number: int | None
    state: RunState
    phase: Phase
    version: int
    reason_code: str | None
    reason_text: str | None
    trigger: str
    actor: int | None
    permission: str | None
    delivery: str | None
    lease_token: int
    lease_owner: str | None
    lease_until: float
    most_iterations: int
    snapshot_sha: str | None = None
    snapshot_tree: str | None = None
    verified_tree: str | None = None
    delivered_sha: str | None = None
    receivers: frozenset[str] = frozenset()

    @property
    def stands_for(self) -> str | None:
        """The delivered commit, unless the run has gone on from there: after red CI it works on the next one."""
        return self.delivered_sha if self.state in (RunState.SUCCEEDED, RunState.AWAITING_CI) else None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """A stored event: where it led, and the token it was written with (0: by nobody's lease)."""

    seq: int
    run_id: str
    type: str
    state: RunState
    phase: Phase
    attempt: int
    token: int
    delivery: str | None
    scope: str = ""
    step: str | None = None
    iteration: int | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """An attempt of a run."""

    run_id: str
    n: int
    token: int
    launched: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class IterationFacts:
    """One launch of an agent and what is stored of it."""

    run_id: str
    attempt: int
    step: str
    n: int
    ended: bool
    decision: str | None
    result: bool
    report: bool


@dataclass(frozen=True, slots=True)
class CallbackFacts:
    """A callback in the outbox."""

    id: str
    run_id: str
    url: str
    type: str
    state: str
    scope: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Launch:
    """A line of the launcher's own ledger."""

    run_id: str
    attempt: int
    step: str
    iteration: int


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """A webhook as it is kept. `size` is its body's, in bytes."""

    id: int
    event: str
    delivery: str
    state: str
    reason: str | None
    verified_by: str
    scope: str | None
    run_id: str | None
    received_at: float
    size: int


@dataclass(frozen=True, slots=True)
class EffectFacts:
    """An outside write as it was written down."""

    run_id: str
    kind: str
    key: str
    scope: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A webhook the forge sent for something we handle, and what it was answered (0: nothing)."""

    delivery: str
    event: str
    status: int


@dataclass(frozen=True, slots=True)
class PullSeen:
    """A pull request of ours. `run_id` is in its mark."""

    number: int
    run_id: str
    head_sha: str
    open: bool


@dataclass(frozen=True, slots=True)
class CommentSeen:
    """A comment of ours; `run_id` where it is a run's status."""

    id: int
    number: int
    run_id: str | None
    size: int


@dataclass(frozen=True, slots=True)
class CheckSeen:
    """A check run of ours."""

    id: int
    run_id: str
    sha: str
    completed: bool


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of a commit we delivered: its mode as git has it, and for a symbolic link where it leads."""

    sha: str
    mode: str
    path: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Forge:
    """What the forge saw of us: only tests have one that can be asked."""

    own_id: int
    sent: Sequence[Sent] = ()
    pulls: Sequence[PullSeen] = ()
    comments: Sequence[CommentSeen] = ()
    checks: Sequence[CheckSeen] = ()
    trees: Sequence[TreeEntry] = ()
    impolite: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What is left on a machine: the runs with a directory of their own, and the processes that belong to a run."""

    directories: Sequence[str] = ()
    processes: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A secret, or the trace of a program that ran where it may not, and where it was seen."""

    what: str
    where: str


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """A budget of one day, in whole units. `overrun` is how far runs went beyond what they had set aside."""

    subject: str
    unit: str
    day: int
    most: int
    spent: int
    reserved: int
    overrun: int


@dataclass(frozen=True, slots=True)
class ReservationFacts:
    """What a run has set aside of a budget."""

    run_id: str
    subject: str
    unit: str
    day: int
    amount: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One consistent view of the store, by the database's clock, and beside it what others saw; None: nobody was asked.

    `doubted` are the times between which it was known to be in doubt; `undisturbed` is the state every item came to in the same
    history with a Redis that was left alone.
    """

    now: float
    runs: Sequence[RunFacts] = ()
    events: Sequence[EventFacts] = ()
    attempts: Sequence[AttemptFacts] = ()
    iterations: Sequence[IterationFacts] = ()
    callbacks: Sequence[CallbackFacts] = ()
    ticks: Sequence[tuple[str, int]] = ()
    inbox: Sequence[InboxFacts] = ()
    effects: Sequence[EffectFacts] = ()
    budgets: Sequence[BudgetFacts] = ()
    reservations: Sequence[ReservationFacts] = ()
    launches: Sequence[Launch] | None = None
    forge: Forge | None = None
    machine: Machine | None = None
    exposed: Sequence[Sighting] = ()
    escaped: Sequence[Sighting] = ()
    doubted: Sequence[tuple[float, float]] = ()
    undisturbed: Mapping[str, str] | None = None
