"""The repository is still there (`limits.deleted_share`): an emptied checkout is an accident, not a change."""

from jobs.evidence import Finding, Snapshot
from jobs.rules import Rules

FEW = 10
"""Losing fewer files than this is ordinary work in a small repository, unless nothing at all is left."""


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[Finding, ...]:
    """A finding when more than the allowed share of the files is gone. A moved file is a deleted and an added one: no loss."""
    kinds = [change.kind for change in snapshot.changes]
    lost, before = kinds.count("deleted") - kinds.count("added"), snapshot.base_files
    emptied = 0 < before <= lost
    if not emptied and (lost < FEW or lost <= rules.limits.deleted_share * (before or len(kinds))):
        return ()
    of = f" of {before}" if before else ""
    advice = "Bring back what does not have to go, or raise `limits.deleted_share`."
    return (Finding("mass_deletion", f"{lost}{of} files are gone; more than {rules.limits.deleted_share:.0%} may not be. {advice}"),)
