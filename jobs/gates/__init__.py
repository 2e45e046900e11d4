"""The built-in gates: pure checks of a snapshot against the rules. A gate's name is the reason a run fails with because of it."""

from collections.abc import Callable, Mapping

from jobs.evidence import Finding, GateResult, Snapshot
from jobs.gates import file_count, mass_deletion, patch_size, protected_paths, secret_scan
from jobs.rules import Rules

SECRETS = "secret_found"
GATES: Mapping[str, Callable[[Snapshot, Rules, str], tuple[Finding, ...]]] = {
    "protected_path": protected_paths.check,
    "too_large": patch_size.check,
    "too_many_files": file_count.check,
    "mass_deletion": mass_deletion.check,
    SECRETS: secret_scan.check,
}


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[GateResult, ...]:
    """One result per built-in gate, in the order of the table. `patch` is the unified diff from base to snapshot."""
    found = {name: gate(snapshot, rules, patch) for name, gate in GATES.items()}
    return tuple(GateResult(name, (), passed=not findings, findings=findings) for name, findings in found.items())
