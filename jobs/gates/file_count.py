"""The change touches no more files than a person would look at (`limits.files`)."""

from jobs.evidence import Finding, Snapshot
from jobs.rules import Rules


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[Finding, ...]:
    """A finding when too many files were added, changed or deleted."""
    count, most = len(snapshot.changes), rules.limits.files
    if count <= most:
        return ()
    return (Finding("too_many_files", f"{count} files differ; at most {most} are allowed here. Touch fewer, or raise `limits.files`."),)
