"""The built-in gates: pure checks of a snapshot against the rules."""

from jobs.evidence import GateResult, Snapshot
from jobs.rules import Rules


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[GateResult, ...]:
    """One result per built-in gate, in the order of the table."""
    return ()
