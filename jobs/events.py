"""What happened to a run, in the past tense. Each is stored once, in the transaction that moves the run."""

from dataclasses import dataclass, field

from jobs.errors import Reason
from jobs.evidence import AgentResult, Estimate, Finding, GateReport, Receipt, Snapshot


@dataclass(frozen=True, slots=True)
class Event:
    """A stored fact. The concrete types below are the whole set (`jobs.events.EVENTS`)."""


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """The run was recorded; its first event, and the only one before a worker or a refusal."""


@dataclass(frozen=True, slots=True)
class Claimed(Event):
    """A worker took the run under a lease; a new attempt begins."""

    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ClaimedForDelivery(Event):
    """A worker took a run whose work is verified and only has to leave."""

    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Prepared(Event):
    """The checkout stands on `base`, clean, with repository and branch asserted."""

    base: str
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Launched(Event):
    """The agent's process is about to start; an attempt is counted at its first launch. Without a model there is no estimate."""

    step: str
    iteration: int
    agent: str
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class SpawnFailed(Event):
    """The agent could not be started after all: this launch is not one, and does not count as an attempt."""

    reason: Reason
    delay: float


@dataclass(frozen=True, slots=True)
class Built(Event):
    """An implementer's launch ended and is believed."""

    result: AgentResult


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """A planner's launch ended with a plan."""

    result: AgentResult
    plan: str


@dataclass(frozen=True, slots=True)
class ReviewApproved(Event):
    """A reviewer's launch ended with the decision `approve`."""

    result: AgentResult


@dataclass(frozen=True, slots=True)
class ReviewRejected(Event):
    """A reviewer's launch ended with the decision `reject`; the run goes back to step `to`."""

    result: AgentResult
    findings: tuple[Finding, ...]
    to: str


@dataclass(frozen=True, slots=True)
class BuildFailed(Event):
    """An agent's launch ended and is not believed; what it left in the checkout is kept, and it is told why."""

    result: AgentResult
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Snapshotted(Event):
    """The agent's files are a commit of ours."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class NothingChanged(Event):
    """The agent left the tree as it was."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class SnapshotRefused(Event):
    """What the agent left may not become a commit; the findings say why."""

    reason: Reason
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Passed(Event):
    """Every required gate passed on the snapshot."""

    report: GateReport


@dataclass(frozen=True, slots=True)
class Rejected(Event):
    """A required gate did not pass on the snapshot."""

    report: GateReport


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """Another iteration begins, with the findings as its brief."""

    iteration: int
    progress: str = ""


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """The flow moved to its next step."""

    step: str


@dataclass(frozen=True, slots=True)
class ApprovalAsked(Event):
    """The plan is up for approval."""

    expires_at: float


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """Somebody with the right said go on, perhaps with changes."""

    actor: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class FlowFinished(Event):
    """Every step is done; what is verified may leave."""


@dataclass(frozen=True, slots=True)
class FinishedWithoutChange(Event):
    """Every step is done and none of them was there to change anything (a review, a plan)."""


@dataclass(frozen=True, slots=True)
class Delivered(Event):
    """Branch and pull request (or record) exist outside, and the shas agree."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ChecksAwaited(Event):
    """As `Delivered`, and the repository wants the run to wait for its CI."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class DeliverySkipped(Event):
    """Delivery did not happen and, by the repository's mode, need not have."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class DeliveryRefused(Event):
    """The other side said no for good."""

    reason: Reason
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ChecksPassed(Event):
    """CI on the delivered head is green."""


@dataclass(frozen=True, slots=True)
class NoChecks(Event):
    """No CI is configured on the delivered head: verified and delivered is success."""


@dataclass(frozen=True, slots=True)
class ChecksFailed(Event):
    """CI on the delivered head failed; its findings go back to the agent."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Stumbled(Event):
    """A passing fault: the same phase will be tried again after `delay` seconds."""

    reason: Reason
    delay: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Parked(Event):
    """Not our fault and not final: the run waits until `until` (epoch seconds; 0: until somebody says so)."""

    reason: Reason
    until: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Unparked(Event):
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class LeaseExpired(Event):
    """The worker that held the run is gone; the next claim begins a new attempt."""

    worker: str


@dataclass(frozen=True, slots=True)
class Released(Event):
    """A worker gave its lease back at a boundary, to be taken up by another."""


@dataclass(frozen=True, slots=True)
class StuckNoticed(Event):
    """The run is held, and `over_s` seconds past its wall limit nothing has come of it. Only noticed: nothing is counted, nothing ended."""

    over_s: float


@dataclass(frozen=True, slots=True)
class GaveUp(Event):
    """The end, and not a good one."""

    reason: Reason
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    """Somebody asked for the run to stop, and it has."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class RejectedAtStart(Event):
    """The run may not start as it was asked for; `findings` are what in the repository's `commit` is in its way."""

    reason: Reason
    details: tuple[str, ...] = field(default=())
    findings: tuple[Finding, ...] = ()
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """Steering: somebody with the right said something to the agent."""

    actor: str
    text: str
    comment: int | None = None


@dataclass(frozen=True, slots=True)
class StopRequested(Event):
    """Somebody asked for the run to stop; whoever holds it will see this at once."""

    actor: str
    why: str


EVENTS: tuple[type[Event], ...] = (
    Queued, Claimed, ClaimedForDelivery, Prepared, Launched, SpawnFailed, Built, Planned, ReviewApproved, ReviewRejected, BuildFailed,
    Snapshotted, NothingChanged, SnapshotRefused, Passed, Rejected, Retried, StepStarted, ApprovalAsked, Approved, FlowFinished,
    FinishedWithoutChange, Delivered, ChecksAwaited, DeliverySkipped, DeliveryRefused, ChecksPassed, NoChecks, ChecksFailed,
    Stumbled, Parked, Unparked, LeaseExpired, Released, StuckNoticed, GaveUp, Cancelled, RejectedAtStart, MessageReceived, StopRequested,
)  # fmt: skip
BY_NAME: dict[str, type[Event]] = {event.__name__: event for event in EVENTS}
