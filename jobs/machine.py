"""The state machine: two literal tables, total over (state, event) and (phase, event).

Every pair is a move or stands in the row's `illegal`; a row that forgets an event stops the import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from jobs import events as e
from jobs.model import Phase, RunState

S = TypeVar("S", bound=RunState | Phase)
EventType = type[e.Event]


class IllegalTransition(Exception):
    """An event reached a state or phase in which it cannot happen: a bug, or a writer that came too late."""


def _others(*legal: EventType) -> frozenset[EventType]:
    return frozenset(e.EVENTS) - frozenset(legal)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: where each legal event leads, and which events are refused."""

    moves: Mapping[EventType, RunState | Phase]
    illegal: frozenset[EventType]

    def __post_init__(self) -> None:
        both, neither = self.moves.keys() & self.illegal, set(e.EVENTS) - self.moves.keys() - self.illegal
        if both or neither:
            raise TypeError(f"the row is not total: twice {both}, missing {neither}")


def _row(moves: Mapping[EventType, RunState | Phase]) -> Row:
    return Row(moves, _others(*moves))


R, P = RunState, Phase
_WORK = (
    e.Prepared, e.Launched, e.SpawnFailed, e.Built, e.Planned, e.ReviewApproved, e.ReviewRejected, e.BuildFailed,
    e.Snapshotted, e.NothingChanged, e.SnapshotRefused, e.Passed, e.Rejected, e.Retried, e.StepStarted,
)  # fmt: skip
_END: Mapping[EventType, RunState] = {e.GaveUp: R.FAILED, e.Cancelled: R.CANCELLED}
_YIELD: Mapping[EventType, RunState] = {e.Parked: R.PARKED, e.LeaseExpired: R.QUEUED, e.Released: R.QUEUED}
"""How a worker lets go of a run."""


def _told(state: RunState) -> Mapping[EventType, RunState]:
    return {e.MessageReceived: state, e.StopRequested: state}


RUN: Mapping[RunState, Row] = {
    R.QUEUED: _row({e.Queued: R.QUEUED, e.Claimed: R.RUNNING, e.ClaimedForDelivery: R.DELIVERING, e.RejectedAtStart: R.REJECTED,
                    e.Parked: R.PARKED, **_END, **_told(R.QUEUED)}),
    R.RUNNING: _row({**dict.fromkeys(_WORK, R.RUNNING), e.Stumbled: R.RUNNING, e.ApprovalAsked: R.AWAITING_APPROVAL,
                     e.FlowFinished: R.DELIVERING, e.FinishedWithoutChange: R.SUCCEEDED, e.RejectedAtStart: R.REJECTED,
                     e.StuckNoticed: R.RUNNING, **_YIELD, **_END, **_told(R.RUNNING)}),
    R.AWAITING_APPROVAL: _row({e.Approved: R.QUEUED, **_END, **_told(R.AWAITING_APPROVAL)}),
    R.DELIVERING: _row({e.Delivered: R.SUCCEEDED, e.DeliverySkipped: R.SUCCEEDED, e.ChecksAwaited: R.AWAITING_CI, e.Stumbled: R.DELIVERING,
                        e.DeliveryRefused: R.FAILED, e.StuckNoticed: R.DELIVERING, **_YIELD, **_END, **_told(R.DELIVERING)}),
    R.AWAITING_CI: _row({e.ChecksPassed: R.SUCCEEDED, e.NoChecks: R.SUCCEEDED, e.ChecksFailed: R.QUEUED, **_END, **_told(R.AWAITING_CI)}),
    R.PARKED: _row({e.Unparked: R.QUEUED, **_END, **_told(R.PARKED)}),
    R.SUCCEEDED: _row({}),
    R.FAILED: _row({}),
    R.CANCELLED: _row({}),
    R.REJECTED: _row({}),
}  # fmt: skip


def _in(phase: Phase, lost: Phase | None = None) -> Mapping[EventType, Phase]:
    """What may happen in any phase; whoever lets go of a run also loses its checkout, so some phases begin again at `lost`."""
    stay = (e.Claimed, e.Stumbled, e.Unparked, e.StuckNoticed, e.MessageReceived, e.StopRequested)
    again = dict.fromkeys(_YIELD, lost or phase)
    return {**dict.fromkeys(stay, phase), **again, **dict.fromkeys((e.GaveUp, e.Cancelled, e.RejectedAtStart), P.DONE)}


PHASES: Mapping[Phase, Row] = {
    P.PREPARE: _row({e.Queued: P.PREPARE, e.Prepared: P.BUILD, **_in(P.PREPARE)}),
    P.BUILD: _row({e.Launched: P.BUILD, e.SpawnFailed: P.BUILD, e.Built: P.SNAPSHOT, e.Planned: P.NEXT, e.ReviewApproved: P.NEXT,
                   e.ReviewRejected: P.FEEDBACK, e.BuildFailed: P.FEEDBACK, **_in(P.BUILD, lost=P.PREPARE)}),
    P.SNAPSHOT: _row({e.Snapshotted: P.VERIFY, e.NothingChanged: P.FEEDBACK, e.SnapshotRefused: P.FEEDBACK,
                      **_in(P.SNAPSHOT, lost=P.PREPARE)}),
    P.VERIFY: _row({e.Passed: P.NEXT, e.Rejected: P.FEEDBACK, **_in(P.VERIFY)}),
    P.FEEDBACK: _row({e.Retried: P.PREPARE, **_in(P.FEEDBACK)}),
    P.NEXT: _row({e.StepStarted: P.PREPARE, e.ApprovalAsked: P.NEXT, e.Approved: P.NEXT, e.FlowFinished: P.DELIVER,
                  e.FinishedWithoutChange: P.DONE, **_in(P.NEXT)}),
    P.DELIVER: _row({e.ClaimedForDelivery: P.DELIVER, e.Delivered: P.DONE, e.DeliverySkipped: P.DONE, e.DeliveryRefused: P.DONE,
                     e.ChecksAwaited: P.DELIVER, e.ChecksPassed: P.DONE, e.NoChecks: P.DONE, e.ChecksFailed: P.FEEDBACK,
                     **_in(P.DELIVER)}),
    P.DONE: _row({}),
}  # fmt: skip

if set(RUN) != set(RunState) or set(PHASES) != set(Phase):
    raise TypeError("a state or phase has no row")


def _step(table: Mapping[S, Row], at: S, event: e.Event) -> RunState | Phase:
    row = table[at]
    if type(event) not in row.moves:
        raise IllegalTransition(f"{type(event).__name__} cannot happen in {at.value}")
    return row.moves[type(event)]


def step(state: RunState, phase: Phase, event: e.Event) -> tuple[RunState, Phase]:
    """Where an event leads from here. Raises IllegalTransition when it cannot happen here."""
    return RunState(_step(RUN, state, event)), Phase(_step(PHASES, phase, event))
