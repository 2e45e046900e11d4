"""What a gate leaves behind as findings. A report says more about a failure; it never makes a pass of one."""

from collections.abc import Callable, Mapping

from jobs.evidence import Finding
from jobs.gates.reports import junit, plain, sarif
from jobs.gates.reports.broken import BrokenReport

REPORTS: Mapping[str, Callable[[bytes, str, str], tuple[Finding, ...]]] = {
    "plain": plain.read,
    "junit": junit.read,
    "sarif": sarif.read,
}
"""(what was written, name of the gate, where the checkout was) -> findings. Raises BrokenReport."""
MOST_BYTES = 10 * 1000**2

__all__ = ["MOST_BYTES", "REPORTS", "BrokenReport"]
