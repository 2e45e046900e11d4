"""snapshot: what the agent left becomes a commit of ours, or is refused by name."""

from jobs import events as e
from jobs.errors import Class, Refused
from jobs.evidence import Finding
from jobs.model import Run
from jobs.ports import Ports

NOTHING = Finding(
    "no_change", "Nothing in the checkout differs from where this iteration began. Change the files, or say why nothing is to be done."
)


def snapshot(run: Run, ports: Ports) -> e.Event:
    """Harvest. A refusal for what the agent did goes back to it as a finding; any other fault rises."""
    try:
        found = ports.workspaces.harvest(run, ports.workspaces.prepare(run))
    except Refused as refused:
        if refused.reason.kind is not Class.SNAPSHOT or refused.reason.code == "checkout_lost":
            raise
        return e.SnapshotRefused(refused.reason, (Finding(refused.reason.code, refused.reason.text),))
    return e.Snapshotted(found) if found else e.NothingChanged(_standing(run) or (NOTHING,))


def _standing(run: Run) -> tuple[Finding, ...]:
    """What was found wrong with the very same tree before, and so still is."""
    if run.verified and not run.verified.passed:
        return run.verified.findings
    return tuple(finding for finding in run.findings if finding.gate == "review")
