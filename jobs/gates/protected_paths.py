"""Nothing the repository protects was touched (`protect` without `unprotect`): CI, ownership, the configuration of agents."""

from jobs.evidence import Change, Finding, Snapshot
from jobs.gates.globs import matches, stands_before
from jobs.rules import Rules
from jobs.text import visible

LINK = "120000"


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[Finding, ...]:
    """A finding for every protected path that was added, changed or deleted."""
    return tuple(_finding(change, pattern) for change in snapshot.changes if (pattern := _protected(change, rules)))


def _protected(change: Change, rules: Rules) -> str | None:
    """The pattern that protects the path. What is let through has to be spelled as the rule spells it."""
    if any(matches(change.path, pattern, exact=True) for pattern in rules.unprotect):
        return None
    return next((pattern for pattern in rules.protect if _covers(pattern, change)), None)


def _covers(pattern: str, change: Change) -> bool:
    return matches(change.path, pattern) or (change.mode == LINK and stands_before(change.path, pattern))


def _finding(change: Change, pattern: str) -> Finding:
    path = visible(change.path)
    message = f"{path} was {change.kind}, and {pattern!r} protects it. Leave it as it was, or let a maintainer list it under `unprotect`."
    return Finding("protected_path", message, path)
