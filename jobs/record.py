"""The store as plain rows, as far as `jobs.invariants` has to look at it."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model import Phase, RunState


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
    step: str | None = None
    iteration: int | None = None


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


@dataclass(frozen=True, slots=True)
class Launch:
    """A line of the launcher's own ledger."""

    run_id: str
    attempt: int
    step: str
    iteration: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One consistent view of the store, by the database's clock. `launches` None: nobody asked the launcher."""

    now: float
    runs: Sequence[RunFacts] = ()
    events: Sequence[EventFacts] = ()
    attempts: Sequence[AttemptFacts] = ()
    iterations: Sequence[IterationFacts] = ()
    callbacks: Sequence[CallbackFacts] = ()
    ticks: Sequence[tuple[str, int]] = ()
    launches: Sequence[Launch] | None = None
