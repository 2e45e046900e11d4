"""The one authority for "again" or "give up": for agents, gates, GitHub and infrastructure alike. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs import budget
from jobs import events as e
from jobs.errors import REASONS, Class, Fault, Reason, Refused
from jobs.evidence import Finding, kept
from jobs.model import Phase, Run


@dataclass(frozen=True, slots=True)
class Patience:
    """How a class of faults is tried again: `attempts` times, `backoff` seconds apart at first, doubled each time up to `most`."""

    attempts: int = 0
    backoff: float = 2.0
    most: float = 300.0


POLICIES: Mapping[Class, Patience] = {
    Class.AGENT: Patience(attempts=0),
    Class.GATE: Patience(attempts=0),
    Class.SNAPSHOT: Patience(attempts=0),
    Class.DELIVERY: Patience(attempts=4, backoff=2, most=60),
    Class.GITHUB: Patience(attempts=4, backoff=2, most=900),
    Class.PROVIDER: Patience(attempts=0, backoff=60, most=1800),
    Class.INFRASTRUCTURE: Patience(attempts=3, backoff=2, most=300),
    Class.USER: Patience(attempts=0),
}
PARKS: Mapping[Class, int] = {Class.GITHUB: 24, Class.PROVIDER: 24, Class.INFRASTRUCTURE: 3, Class.DELIVERY: 3}
"""How often a run may be put aside for a class of faults before that is the end."""
NOT_THE_AGENTS = (Class.PROVIDER, Class.INFRASTRUCTURE)
"""Classes of faults for which a launch comes to nothing and is not held against the agent."""
LOST_WORKERS = 3
SHORT_S = 20.0
"""A wait up to this long is sat out under the lease; a longer one parks the run and frees the worker."""


def policy(run: Run, kind: Class) -> Patience:
    """The retry policy of a class of faults: what the repository's configuration says of it, and the default for the rest."""
    said = run.rules.retry.get(kind)
    return replace(POLICIES[kind], **said.model_dump(exclude_none=True)) if said else POLICIES[kind]


def delay(run: Run, kind: Class, tries: int) -> float:
    """Seconds before try number `tries` + 1: doubled each time, capped, spread by ±25 % by the run's own id."""
    rule = policy(run, kind)
    spread = int.from_bytes(hashlib.sha256(f"{run.id}:{tries}".encode()).digest()[:2]) / 0xFFFF
    return float(min(rule.most, rule.backoff * 2.0**tries) * (0.75 + spread / 2))


def after_fault(run: Run, fault: Fault, now: float) -> e.Event:
    """What a fault in a phase means for the run: wait and try the phase again, park, or the end."""
    reason, kind = fault.reason, fault.reason.kind
    if isinstance(fault, Refused):
        refused = run.phase is Phase.DELIVER and run.snapshot is not None
        return e.DeliveryRefused(reason, fault.evidence) if refused else e.GaveUp(reason, fault.evidence)
    if run.stumbles < policy(run, kind).attempts:
        wait = fault.retry_after or delay(run, kind, run.stumbles)
        if wait <= SHORT_S:
            return e.SpawnFailed(reason, wait) if run.phase is Phase.BUILD and run.launched else e.Stumbled(reason, wait, fault.evidence)
    return park(run, reason, now, retry_after=fault.retry_after, evidence=fault.evidence)


def park(run: Run, reason: Reason, now: float, *, retry_after: float | None = None, evidence: str = "") -> e.Event:
    """Put the run aside for a while, as often as its class of faults allows."""
    kind = reason.kind
    if run.parks >= PARKS.get(kind, 0):
        return _given_up(run, reason, evidence)
    wait = max(retry_after or 0.0, delay(run, kind, run.parks + 3))
    return e.Parked(reason, now + wait, evidence)


def _given_up(run: Run, reason: Reason, evidence: str) -> e.Event:
    """The end; of a delivery in the mode `best_effort`, success with a warning."""
    if run.phase is Phase.DELIVER and run.snapshot and run.rules.delivery.mode == "best_effort":
        return e.DeliverySkipped(kept(run.snapshot, f"Not delivered: {reason.text}"))
    return e.GaveUp(reason, evidence)


def after_findings(run: Run, now: float) -> e.Event:
    """Another iteration with what was found, or the end: limits used up, or no progress since last time.

    A launch that failed for the model's provider or for our own machine is waited out and then done again: it was no iteration. One that
    failed for something only a person can change (the budget is used up) is the end.
    """
    failure = _failure(run)
    if failure and failure.kind in NOT_THE_AGENTS:
        return park(run, failure, now) if run.launched else e.Retried(run.iteration)
    over = budget.exhausted(run)
    if failure and failure.kind is Class.USER:
        return e.GaveUp(over if over and failure.code == "budget_exhausted" else failure)
    if run.rejections > run.rules.limits.iterations:
        return e.GaveUp(_rejected(run))
    most = _iterations(run)
    if run.iteration >= most:
        return e.GaveUp(failure or Reason("gates_failed", f"{_named(run.findings)} after {_times(most)}. {_advice(run)}"))
    progress = fingerprint(run)
    if progress in run.seen:
        return e.GaveUp(failure or Reason("no_progress", f"The same findings came back twice: {_named(run.findings)}. {_advice(run)}"))
    return e.GaveUp(over) if over else e.Retried(run.iteration + 1, progress)


def fingerprint(run: Run) -> str:
    """What a turn of the loop came to: tree and findings. The same twice is no progress."""
    tree = run.snapshot.tree if run.snapshot else ""
    findings = [f"{f.gate}\0{f.path}\0{f.line}\0{f.message}" for f in run.findings]
    return hashlib.sha256("\n".join([tree, *sorted(findings)]).encode(errors="replace")).hexdigest()[:16]


def _iterations(run: Run) -> int:
    return min(run.request.iterations or 50, run.current.iterations or run.rules.limits.iterations, run.rules.limits.iterations)


def _failure(run: Run) -> Reason | None:
    """Why the last turn came to nothing, unless it was the repository's gates that said no."""
    if run.reason:
        return run.reason
    failure = run.last_result.failure if run.last_result else None
    if failure:
        return Reason(failure.code, failure.text)
    first = run.findings[0] if run.findings else None
    if first and first.gate in REASONS:
        return Reason(first.gate, first.message)
    return _rejected(run) if first and first.gate == "review" else None


def _rejected(run: Run) -> Reason:
    times = "once" if run.rejections == 1 else f"{run.rejections} times"
    return Reason(
        "review_rejected", f"The reviewer rejected the change {times}; its comments are kept. Answer them in the task, then retry."
    )


def _named(findings: tuple[Finding, ...]) -> str:
    gates = list(dict.fromkeys(finding.gate for finding in findings))
    return f"Gate {', '.join(gates)} did not pass" if gates else "The gates did not pass"


def _times(most: int) -> str:
    return "one iteration" if most == 1 else f"{most} iterations"


def _advice(run: Run) -> str:
    return f"Read the gate's output with `slipway show {run.id}`, then say more in the task or correct the gate, and retry."
