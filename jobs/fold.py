"""What each event means for the run as it stands: `advance` is the only way a `Run` changes."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

from jobs import events as e
from jobs import machine
from jobs.errors import Class, Reason
from jobs.evidence import AgentResult
from jobs.model import FINAL, HELD, Phase, Run, RunState

DONE = Reason("succeeded", "The change passed its gates and was delivered.")


def advance(run: Run, event: e.Event, *, at: float) -> Run:
    """The run after `event`, which happened at `at` (epoch seconds). Raises `machine.IllegalTransition`."""
    state, phase = machine.step(run.state, run.phase, event)
    changed: dict[str, Any] = {"state": state, "phase": phase, **_clocked(run, state, phase, at), **changes(event, run)}
    if state in FINAL:
        changed |= {"ended_at": at, "reason": changed.get("reason") or DONE}
    return replace(run, **changed)


def _clocked(run: Run, state: RunState, phase: Phase, at: float) -> dict[str, Any]:
    """Time spent under a worker counts against the limits of run and phase; time spent waiting does not."""
    was, now = run.state in HELD, state in HELD
    if was and not now:
        return {"active_s": run.active_s + at - (run.claimed_at or at), "claimed_at": None, "phase_at": None}
    if now and not was:
        return {"claimed_at": at, "phase_at": at, "started_at": run.started_at or at}
    return {"phase_at": at} if now and phase is not run.phase else {}


@singledispatch
def changes(event: e.Event, run: Run) -> dict[str, Any]:
    """The fields an event sets, beside state and phase."""
    return {}


@changes.register
def _(event: e.Claimed, run: Run) -> dict[str, Any]:
    return {"attempt": event.attempt, "launched": False, "reason": None, "not_before": 0.0}


@changes.register
def _(event: e.ClaimedForDelivery, run: Run) -> dict[str, Any]:
    return {"attempt": event.attempt, "reason": None, "not_before": 0.0}


@changes.register
def _(event: e.Prepared, run: Run) -> dict[str, Any]:
    return {
        "base_sha": event.base,
        "stumbles": 0,
        "launched": False,
        "iteration": max(run.iteration, 1),
        "step": run.step or run.current.name,
    }


@changes.register
def _(event: e.Launched, run: Run) -> dict[str, Any]:
    return {"launched": True, "iteration": event.iteration}


@changes.register
def _(event: e.SpawnFailed, run: Run) -> dict[str, Any]:
    return {"launched": False, "stumbles": run.stumbles + 1, "infra_failures": run.infra_failures + 1}


@changes.register
def _(event: e.Built, run: Run) -> dict[str, Any]:
    result = event.result
    told = {"summary": result.summary or run.summary, "title": result.title or run.title}
    return {**told, **_spent(result, run)}


@changes.register
def _(event: e.Planned, run: Run) -> dict[str, Any]:
    return {"plan": event.plan, "findings": (), **_spent(event.result, run)}


@changes.register
def _(event: e.ReviewApproved, run: Run) -> dict[str, Any]:
    return {"findings": (), **_spent(event.result, run)}


@changes.register
def _(event: e.ReviewRejected, run: Run) -> dict[str, Any]:
    return {"findings": event.findings, "step": event.to, "rejections": run.rejections + 1, **_spent(event.result, run)}


@changes.register
def _(event: e.BuildFailed, run: Run) -> dict[str, Any]:
    return {"findings": event.findings, **_spent(event.result, run)}


@changes.register
def _(event: e.Snapshotted, run: Run) -> dict[str, Any]:
    return {"snapshot": event.snapshot, "verified": None}


@changes.register
def _(event: e.NothingChanged, run: Run) -> dict[str, Any]:
    return {"findings": event.findings}


@changes.register
def _(event: e.SnapshotRefused, run: Run) -> dict[str, Any]:
    return {"findings": event.findings, "reason": event.reason}


@changes.register
def _(event: e.Passed, run: Run) -> dict[str, Any]:
    return {"verified": event.report, "findings": (), "stumbles": 0, "reason": None}


@changes.register
def _(event: e.Rejected, run: Run) -> dict[str, Any]:
    return {"findings": event.report.findings, "verified": event.report, "stumbles": 0}


@changes.register
def _(event: e.Retried, run: Run) -> dict[str, Any]:
    return {"iteration": event.iteration, "seen": (*run.seen, *filter(None, [event.progress])), "reason": None}


@changes.register
def _(event: e.StepStarted, run: Run) -> dict[str, Any]:
    return {"step": event.step, "iteration": 1, "seen": (), "findings": ()}


@changes.register
def _(event: e.ApprovalAsked, run: Run) -> dict[str, Any]:
    return {"not_before": event.expires_at}


@changes.register
def _(event: e.Approved, run: Run) -> dict[str, Any]:
    plan = f"{run.plan}\n\nAmended by {event.actor}:\n{event.text}" if event.text else run.plan
    return {"plan": plan, "not_before": 0.0, "approved": True}


@changes.register
def _(event: e.Delivered, run: Run) -> dict[str, Any]:
    return _received(event, run)


@changes.register
def _(event: e.ChecksAwaited, run: Run) -> dict[str, Any]:
    return _received(event, run)


@changes.register
def _(event: e.DeliverySkipped, run: Run) -> dict[str, Any]:
    return _received(event, run)


@changes.register
def _(event: e.DeliveryRefused, run: Run) -> dict[str, Any]:
    return {"reason": event.reason}


@changes.register
def _(event: e.ChecksFailed, run: Run) -> dict[str, Any]:
    return {"findings": event.findings, "ci_rounds": run.ci_rounds + 1, "step": _written_by(run)}


@changes.register
def _(event: e.Stumbled, run: Run) -> dict[str, Any]:
    return {"stumbles": run.stumbles + 1, "infra_failures": run.infra_failures + 1}


@changes.register
def _(event: e.Parked, run: Run) -> dict[str, Any]:
    counts = run.state in HELD and event.reason.kind is not Class.USER  # waiting in the queue uses up no patience with faults
    return {"reason": event.reason, "not_before": event.until, "parks": run.parks + counts}


@changes.register
def _(event: e.Unparked, run: Run) -> dict[str, Any]:
    return {"not_before": 0.0, "reason": None, "stumbles": 0}


@changes.register
def _(event: e.LeaseExpired, run: Run) -> dict[str, Any]:
    return {"lost_workers": run.lost_workers + 1}


@changes.register
def _(event: e.GaveUp, run: Run) -> dict[str, Any]:
    return {"reason": event.reason}


@changes.register
def _(event: e.Cancelled, run: Run) -> dict[str, Any]:
    return {"reason": event.reason}


@changes.register
def _(event: e.RejectedAtStart, run: Run) -> dict[str, Any]:
    return {"reason": event.reason, "findings": event.findings or run.findings, "base_sha": event.commit or run.base_sha}


@changes.register
def _(event: e.StopRequested, run: Run) -> dict[str, Any]:
    return {"stop_requested": event.why}


def _written_by(run: Run) -> str:
    """The step that made what was delivered: the last one of the flow that changes files."""
    writers = [step.name for step in run.rules.flow(run.request.flow).order if step.role in ("implementer", "custom")]
    return writers[-1] if writers else run.step


def _received(event: e.Delivered | e.ChecksAwaited | e.DeliverySkipped, run: Run) -> dict[str, Any]:
    return {"receipt": event.receipt, "check_run": event.receipt.check_run or run.check_run, "stumbles": 0}


def _spent(result: AgentResult, run: Run) -> dict[str, Any]:
    """What a launch cost; a cost nobody knows stays unknown and is never zero."""
    tokens = result.tokens.input + result.tokens.output if result.tokens else 0
    cost = run.cost_usd if result.cost_usd is None else (run.cost_usd or 0.0) + result.cost_usd
    unpriced = run.unpriced + (tokens if result.cost_usd is None else 0)
    return {"last_result": result, "cost_usd": cost, "tokens": run.tokens + tokens, "unpriced": unpriced, "stumbles": 0}
