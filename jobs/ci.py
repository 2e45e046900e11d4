"""What the checks of a delivered commit mean for the run that waits for them. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import Finding
from jobs.model import Run

PENDING, PASSED, FAILED = "pending", "passed", "failed"
NONE_S = 120.0
"""With no check at all after this long there is no CI."""
SETTLED_S = 30.0
"""Checks that passed sooner than this may not be all there will be."""
MOST_S = 86_400.0
SELDOM_S = 600.0
"""Looked at in every round for so long, and then only once in so long."""
MOST_FINDINGS = 100


class Check(Protocol):
    """One check of a commit."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def state(self) -> str:
        """`pending`, `passed` or `failed`."""
        ...


def outcome(checks: Sequence[Check], waited_s: float) -> str | None:
    """`passed`, `failed`, `none` or `endless`; None while it is too early to say. Every check is waited for: a finding is better whole."""
    states = {check.state for check in checks}
    if PENDING in states or (not states and waited_s < NONE_S):
        return "endless" if waited_s >= MOST_S else None
    if not states:
        return "none"
    if FAILED in states:
        return FAILED
    return PASSED if waited_s >= SETTLED_S else None


def event(run: Run, found: str, findings: Sequence[Finding] = ()) -> e.Event:
    """What an outcome comes to: a failure goes back to the agent as often as the repository's limit of iterations allows."""
    if found == PASSED:
        return e.ChecksPassed()
    if found == "none":
        return e.NoChecks()
    if found == "endless":
        hours = MOST_S / 3600
        return e.GaveUp(Reason("ci_failed", f"CI did not come to an end within {hours:.0f} hours. Look at its checks, then retry."))
    named = tuple(replace(finding, gate=f"CI: {finding.gate}") for finding in findings[:MOST_FINDINGS])
    if run.ci_rounds >= run.rules.limits.iterations or run.iteration >= run.rules.limits.iterations:
        return e.GaveUp(_failed(named))
    return e.ChecksFailed(named)


def due(waited_s: float, every_s: float) -> bool:
    """Whether a run that waits is to be looked at in this round: each time at first, and then now and then. Webhooks tell sooner."""
    return waited_s < SELDOM_S or waited_s % SELDOM_S < every_s


def _failed(findings: Sequence[Finding]) -> Reason:
    names = ", ".join(dict.fromkeys(finding.gate.removeprefix("CI: ") for finding in findings)) or "its checks"
    text = (
        f"CI still fails on the delivered commit ({names}) and every iteration is used up. Read its log, say more in the task, then retry."
    )
    return Reason("ci_failed", text)
