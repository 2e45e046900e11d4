"""The change is small enough to be read by a person (`limits.patch_bytes`)."""

from jobs.evidence import Finding, Snapshot
from jobs.rules import Rules


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[Finding, ...]:
    """A finding when the diff, or what was added (a binary file has no lines in a diff), is over the limit."""
    added = sum(change.size for change in snapshot.changes if change.kind == "added")
    size, most = max(snapshot.patch_bytes, len(patch.encode(errors="replace")), added), rules.limits.patch_bytes
    if size <= most:
        return ()
    advice = "Make a smaller change, keep generated and binary files out of it, or raise `limits.patch_bytes`."
    return (Finding("too_large", f"The change is {size} bytes; at most {most} are allowed here. {advice}"),)
