"""Gates in the real sandbox: what passes, what does not, and what they can and cannot do to each other."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra.gate_findings import report_path
from infra.gates import SandboxedGates, Workshop
from infra.outputs import Outputs
from infra.redact import Redactor
from infra.sandbox import CHECKOUT, Bubblewrap, Mount, Overlay
from jobs.errors import Fault
from jobs.evidence import Ended, GateResult, Snapshot
from jobs.model import Run
from jobs.rules import GateRule
from tests.infra.agents.world import RUN_ID, SECRET, Flag, MemoryArtifacts, a_run
from tests.infra.killing import killed_when
from tests.needs import working_sandbox

SNAPSHOT = Snapshot("c" * 40, "d" * 40, "b" * 40)
JUNIT = '<testsuite><testcase classname="t" name="a"/></testsuite>'
FAILED = '<testsuite><testcase classname="t" name="a"><failure message="no">src/a.py:3: oh</failure></testcase></testsuite>'
SARIF = '{"version":"2.1.0","runs":[{"tool":{"driver":{}},"results":[%s]}]}'
RESULT = (
    '{"ruleId":"E1","level":"%s","message":{"text":"bad"},'
    '"locations":[{"physicalLocation":{"artifactLocation":{"uri":"src/a.py"},"region":{"startLine":3}}}]}'
)


@dataclass
class LayeredTrees:
    """Trees as layers over one directory."""

    root: Path
    commits: list[str] = field(default_factory=list)
    fault: Fault | None = None
    meet: Callable[[], object] = field(default=lambda: None)

    @contextmanager
    def tree_at(self, run: Run, commit: str) -> Iterator["Layers"]:
        if self.fault:
            raise self.fault
        self.commits.append(commit)
        self.meet()
        place = self.root / uuid.uuid4().hex
        for name in ("upper", "work"):
            (place / name).mkdir(parents=True)
        yield Layers((Overlay((self.root / "tree",), CHECKOUT, place / "upper", place / "work"),), place / "upper")


@dataclass
class Layers:
    mounts: tuple[Mount, ...]
    written: Path


@dataclass
class Bench:
    """Gates with everything real but the store and the repository."""

    gates: SandboxedGates
    trees: LayeredTrees
    flag: Flag
    artifacts: MemoryArtifacts

    def run(self, *rules: GateRule, **limits: object) -> tuple[GateResult, ...]:
        return self.gates.run(replace(a_run(limits=limits), step="code"), SNAPSHOT, rules)

    def shell(self, script: str, **rule: object) -> GateResult:
        (result,) = self.run(gate("tests", script, **rule))
        return result


def gate(name: str, script: str, **rule: object) -> GateRule:
    return GateRule.model_validate({"name": name, "run": ["/bin/sh", "-c", script], **rule})


@pytest.fixture
def sandbox(tmp_path: Path) -> Bubblewrap:
    return working_sandbox(tmp_path / "scratch")


@pytest.fixture
def bench(tmp_path: Path, sandbox: Bubblewrap) -> Bench:
    tree = tmp_path / "trees" / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src/a.py").write_text("x = 1\n")
    (tree / "report.xml").write_text(JUNIT)
    trees, flag, artifacts = LayeredTrees(tmp_path / "trees"), Flag(), MemoryArtifacts()
    return Bench(SandboxedGates(Workshop(sandbox, trees, flag, Outputs(artifacts, Redactor([SECRET])))), trees, flag, artifacts)


def test_a_gate_that_ends_with_0_passes(bench: Bench) -> None:
    """Proves: 003-20, F63."""
    result = bench.shell("cat src/a.py; echo done >&2")
    assert (result.passed, result.exit_code, result.findings) == (True, 0, ())
    assert result.output.head == "x = 1\ndone\n"
    assert bench.artifacts.get(RUN_ID, "1-code-1.tests") == b"x = 1\ndone\n"
    assert bench.trees.commits == ["c" * 40]


def test_a_gate_that_ends_otherwise_does_not(bench: Bench) -> None:
    """Proves: 003-20, 003-01."""
    result = bench.shell("echo 'src/a.py:1: error: wrong'; exit 2")
    assert (result.passed, result.exit_code) == (False, 2)
    assert [(finding.path, finding.line, finding.message) for finding in result.findings] == [
        (None, None, "src/a.py:1: error: wrong"),
        ("src/a.py", 1, "error: wrong"),
    ]


def test_results_come_in_order_whatever_ends_first(bench: Bench) -> None:
    """Proves: 002-20."""
    results = bench.run(gate("slow", "sleep 1"), gate("quick", "exit 1"), gate("third", "true", required=False))
    assert [(result.name, result.passed, result.required) for result in results] == [
        ("slow", True, True),
        ("quick", False, True),
        ("third", True, False),
    ]


def test_independent_gates_run_at_once(bench: Bench) -> None:
    """Each waits until the other has been given its tree; one after the other they would wait for ever. Proves: 002-20."""
    both = threading.Barrier(2, timeout=60)
    bench.trees.meet = both.wait
    assert all(result.passed for result in bench.run(gate("a", "true"), gate("b", "true")))


def test_no_gate_sees_or_changes_what_another_wrote(bench: Bench) -> None:
    """Proves: F64, I08."""
    script = "test ! -e mark && echo x > mark && rm -r src && echo y > report.xml"
    results = bench.run(*(gate(f"g{number}", script) for number in range(3)))
    assert all(result.passed for result in results)
    assert (bench.trees.root / "tree/src/a.py").exists()
    assert (bench.trees.root / "tree/report.xml").read_text() == JUNIT


def test_a_hanging_gate_is_ended_and_has_not_passed(bench: Bench) -> None:
    """Proves: F64."""
    result = bench.shell("echo begun; sleep 600", timeout=1.5)
    assert (result.passed, result.ended) == (False, Ended.TIMEOUT)
    assert "used up its time" in result.findings[0].message
    assert result.findings[1].message == "begun"


def test_a_gate_whose_sandbox_is_killed_from_outside_is_run_again_and_is_no_finding(bench: Bench) -> None:
    """Proves: F64, 003-14."""
    with killed_when(bench.trees.root, "*/upper/begun"), pytest.raises(Fault) as raised:
        bench.shell("echo begun; touch begun; exec sleep 60")
    assert raised.value.reason.code == "killed_outside"
    assert raised.value.evidence == "begun"


def test_a_flooding_gate_is_ended_and_has_not_passed(bench: Bench) -> None:
    """Proves: F53, I20."""
    (result,) = bench.run(gate("tests", "yes"), output_bytes="100kb")
    assert (result.passed, result.ended, result.output.truncated) == (False, Ended.OUTPUT, True)


def test_a_gate_has_no_network_no_secrets_and_leaves_nothing_behind(bench: Bench) -> None:
    """Proves: F63, T13, I12."""
    marker = f"gate-{id(bench)}"
    look = "env; cat /proc/1/environ; ls -A /mnt /srv; tail -n +3 /proc/net/dev | grep -v lo: && exit 1"
    result = bench.shell(f"setsid sleep 3600 {marker} >/dev/null 2>&1 & {look}; true")
    assert result.passed
    assert SECRET not in result.output.text
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker.encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_output_is_masked(bench: Bench) -> None:
    """Proves: I11."""
    result = bench.shell(f"echo {SECRET}; exit 1")
    assert SECRET not in repr(result)
    assert "[redacted]" in result.findings[0].message


@pytest.mark.parametrize(
    ("script", "passed", "said"),
    [
        (f"echo '{JUNIT}' > report.xml", True, ""),
        (f"echo '{FAILED}' > report.xml; exit 1", False, "t.a: no"),
        (f"echo '{FAILED}' > report.xml", False, "t.a: no"),
        (f"echo '{JUNIT}' > report.xml; echo broke; exit 1", False, "broke"),
        ("true", False, "left no junit report in report.xml"),
        ("echo nonsense > report.xml", False, "cannot be used: it is not JUnit XML"),
        (": > report.xml", False, "cannot be used"),
        ("rm report.xml", False, "left no junit report"),
        ("rm report.xml; ln -s /etc/passwd report.xml", False, "not a regular file"),
        ("rm report.xml; mkfifo report.xml", False, "not a regular file"),
        ("rm report.xml; mkdir report.xml", False, "not a regular file"),
        ("head -c 11000000 /dev/zero > report.xml", False, "larger than"),
        ("exit 3", False, "left no junit report"),
    ],
)
def test_a_junit_report_can_add_to_a_failure_and_never_excuse_one(bench: Bench, script: str, passed: bool, said: str) -> None:
    """A report that was in the commit already is none of this run. Proves: F54, F63, 003-20."""
    result = bench.shell(script, report="junit")
    assert result.passed is passed
    assert said in "\n".join(finding.message for finding in result.findings)


def test_a_junit_failure_points_at_its_line(bench: Bench) -> None:
    (finding,) = bench.shell(f"echo '{FAILED}' > report.xml; exit 1", report="junit").findings
    assert (finding.gate, finding.path, finding.line) == ("tests", "src/a.py", 3)


@pytest.mark.parametrize(
    ("script", "passed", "levels"),
    [
        (f"echo '{SARIF % ''}'", True, []),
        (f"echo '{SARIF % (RESULT % 'error')}'; exit 1", False, ["failure"]),
        (f"echo '{SARIF % (RESULT % 'error')}'", False, ["failure"]),
        (f"echo '{SARIF % (RESULT % 'warning')}'", True, ["warning"]),
        ("echo no", False, ["failure"]),
        ("true", False, ["failure"]),
    ],
)
def test_sarif_is_read_from_standard_output(bench: Bench, script: str, passed: bool, levels: list[str]) -> None:
    """Proves: 003-20, F54."""
    result = bench.shell(script, report="sarif")
    assert result.passed is passed
    assert [finding.level for finding in result.findings] == levels


def test_a_report_may_lie_elsewhere_in_the_checkout_and_nowhere_else(bench: Bench) -> None:
    """Proves: F57, I24."""
    deep = bench.shell(f"mkdir -p out/x; echo '{JUNIT}' > out/x/r.xml", report="junit", report_path="out/x/r.xml")
    assert deep.passed
    for path in ("../../../etc/passwd", "/etc/passwd", "/tmp/r.xml"):
        outside = bench.shell(f"echo '{JUNIT}' > {path}", report="junit", report_path=path)
        assert not outside.passed
        assert "not a place in the checkout" in outside.findings[0].message
    linked = bench.shell(f"ln -s /tmp out; echo '{JUNIT}' > out/r.xml", report="junit", report_path="out/r.xml")
    assert not linked.passed


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["pytest", "--junitxml=a/b.xml"], "a/b.xml"),
        (["pytest", "--junit-xml", "c.xml"], "c.xml"),
        (["pytest", "--junit-xml"], "report.xml"),
        (["make", "test"], "report.xml"),
    ],
)
def test_a_command_that_names_its_report_need_not_be_repeated(words: list[str], path: str) -> None:
    assert report_path(GateRule.model_validate({"name": "t", "run": words, "report": "junit"})) == path


def test_a_program_that_is_not_there_has_not_passed(bench: Bench) -> None:
    """Proves: F63."""
    (result,) = bench.run(GateRule(name="tests", run=("no-such-program",)))
    assert not result.passed
    assert "no-such-program" in result.findings[0].message


def test_a_stop_request_ends_every_gate(bench: Bench) -> None:
    """Proves: F79."""
    timer = threading.Timer(1.0, bench.flag.raised.set)
    timer.start()
    results = bench.run(*(gate(f"g{number}", "sleep 600") for number in range(6)))
    timer.join()
    assert {result.ended for result in results} == {Ended.STOPPED}
    assert not any(result.passed for result in results)


def test_a_tree_that_cannot_be_made_is_a_fault_and_stops_the_others(bench: Bench) -> None:
    """Proves: 003-01."""
    bench.trees.fault = Fault("checkout_failed", "No room.")
    with pytest.raises(Fault, match="No room"):
        bench.run(gate("a", "true"), gate("b", "true"))


def test_a_store_in_doubt_ends_the_gates(bench: Bench) -> None:
    """Proves: F40, I12."""
    bench.flag.error = Fault("store_doubt", "The store does not answer.")
    with pytest.raises(Fault, match="does not answer"):
        bench.run(gate("a", "sleep 600"))


def test_without_gates_nothing_is_started(bench: Bench) -> None:
    assert bench.run() == ()
    assert bench.trees.commits == []
