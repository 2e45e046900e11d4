"""What the end, the output and the report of a gate come to as findings. A report can add to a failure and never excuse one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.leftovers import Unusable, read_left, stamp_of
from infra.process import Captured
from infra.sandbox.confinement import CHECKOUT
from jobs.evidence import Ended, Finding
from jobs.gates.reports import MOST_BYTES, REPORTS, BrokenReport
from jobs.gates.reports.places import placed
from jobs.rules import GateRule

ENDINGS = {
    Ended.TIMEOUT: "It used up its time and was ended. Make it faster, or raise its `timeout` or `limits.wall`.",
    Ended.OUTPUT: "It printed more than `limits.output_bytes` allows and was ended.",
    Ended.KILLED: "It was killed, as happens when it needs more memory than `limits.memory` allows.",
    Ended.STOPPED: "It was stopped because the run was.",
    Ended.IDLE: "It said nothing for too long and was ended.",
}
JUNIT_PATH = "report.xml"
_JUNIT_WORD = re.compile(r"--junit-?xml(?:=(.+))?")


@dataclass(frozen=True, slots=True)
class Expected:
    """Where a gate's report will be: a file that is not the one that was there before, or (no path) its standard output."""

    root: Path
    path: str | None
    before: tuple[int, ...] | None = None
    inside: bool = True

    def read(self, captured: Captured) -> bytes | None:
        """The report; None when the gate wrote none. Only when its sandbox is dead. Raises Unusable."""
        if not self.inside:
            raise Unusable("that is not a place in the checkout")
        if self.path is None:
            if captured.stdout.size > MOST_BYTES:
                raise Unusable(f"it is larger than {MOST_BYTES} bytes")
            return captured.stdout.data or None
        if self.before is not None and stamp_of(self.root, self.path) == self.before:
            return None
        return read_left(self.root, self.path, MOST_BYTES)


def expected(rule: GateRule, root: Path) -> Expected:
    """Where to look for the report of a gate that has not run yet. A path outside the checkout is nowhere."""
    path = report_path(rule)
    if path is None:
        return Expected(root, None)
    inside = placed(path, CHECKOUT)
    return Expected(root, inside, stamp_of(root, inside)) if inside else Expected(root, path, inside=False)


def report_path(rule: GateRule) -> str | None:
    """The path the rule names, or its own command does; None for a report on standard output, as SARIF usually is."""
    if rule.report_path or rule.report != "junit":
        return rule.report_path
    words = [*rule.run, ""]
    named = (match[1] or words[number + 1] for number, word in enumerate(rule.run) if (match := _JUNIT_WORD.fullmatch(word)))
    return next(named, JUNIT_PATH) or JUNIT_PATH


def findings(rule: GateRule, captured: Captured, report: Expected) -> tuple[Finding, ...]:
    """Everything to be said about one gate; nothing for one that passed without a word."""
    if captured.ended is not Ended.EXIT:
        return (Finding(rule.name, captured.note or ENDINGS[captured.ended]), *_output(rule, captured))
    if rule.report == "plain":
        return () if captured.ok else _output(rule, captured)
    found, broken = _reported(rule, captured, report)
    if broken:
        return (Finding(rule.name, broken), *(() if captured.ok else _output(rule, captured)))
    return found if found or captured.ok else _output(rule, captured)


def _reported(rule: GateRule, captured: Captured, report: Expected) -> tuple[tuple[Finding, ...], str]:
    """The findings of the report, or what is wrong with it."""
    where = report.path or "its standard output"
    try:
        data = report.read(captured)
        if data is None:
            return (), f"It left no {rule.report} report in {where}. Let it write one, or name another `report_path`."
        return REPORTS[rule.report](data, rule.name, CHECKOUT), ""
    except (Unusable, BrokenReport) as broken:
        return (), f"Its {rule.report} report in {where} cannot be used: {broken}."


def _output(rule: GateRule, captured: Captured) -> tuple[Finding, ...]:
    return REPORTS["plain"](b"\n".join(_ends(captured)), rule.name, CHECKOUT)


def _ends(captured: Captured) -> Iterator[bytes]:
    """Enough of both streams to see what went wrong."""
    for stream in (captured.stdout, captured.stderr):
        if stream.size:
            yield stream.head.encode()
            yield stream.tail.encode()
