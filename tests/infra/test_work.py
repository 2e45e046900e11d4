"""The engine over the real sandbox, workspaces, launcher and gates: only store and delivery are fakes."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.agents.launcher import SandboxedAgents, Surroundings
from infra.agents.launches import LaunchLog
from infra.gates import SandboxedGates, Workshop
from infra.outputs import Outputs
from infra.redact import Redactor
from jobs.model import RunState
from jobs.ports import Ports
from jobs.runner import walk
from tests.fakes.engine import REPOSITORY, Engine, request, rules
from tests.infra.agents.world import MemoryArtifacts
from tests.infra.workspaces.world import World
from tests.needs import working_sandbox

TWO_TRIES = """\
The greeting is wrong.

```slipway
try 1:
write src/greeting.py
  def greet():
      return "helo"
try 2:
replace src/greeting.py
      return "helo"
  ---
      return "hello"
title Greet properly
```
"""
CHECK = "import sys; sys.path.insert(0, 'src'); import greeting; assert greeting.greet() == 'hello', greeting.greet()"


class Never:
    """A stop flag that stays down."""

    def requested(self, run_id: str) -> bool:
        return False


class Work:
    """An engine whose workspaces, agents and gates are real."""

    def __init__(self, root: Path, body: str, **changes: object) -> None:
        files: dict[str, str | bytes | None] = {"README.md": "hello\n", "src/app.py": "x = 1\n"}
        self.world = World(root, working_sandbox(root / "scratch"), files | {f"src/many/{n}.txt": "x\n" for n in range(20)})
        self.log = LaunchLog(root / "launches.log")
        self.artifacts = MemoryArtifacts()
        of = request(body=body, repository=replace(REPOSITORY, id=7, installation=0))
        self.engine = Engine(of=of, by=rules(**changes))
        outputs = Outputs(self.artifacts, Redactor())
        spaces, sandbox, stop = self.world.workspaces, self.world.sandbox, Never()
        around = Surroundings(sandbox, spaces, stop, outputs, self.log, self.engine.clock, root / "launches")
        gates = SandboxedGates(Workshop(sandbox, spaces, stop, outputs))
        self.ports = replace(self.engine.ports, workspaces=spaces, agents=SandboxedAgents(around), gates=gates, artifacts=self.artifacts)

    def done(self) -> RunState:
        return walk(self.engine.ledger.claim(), self.ports).state


def python_gate(code: str = CHECK) -> list[dict[str, object]]:
    return [{"name": "tests", "run": ["python3", "-c", code]}]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "w"


def test_the_first_try_fails_its_gate_and_the_second_passes(root: Path) -> None:
    """Proves: 000-19, 003-19, 003-20."""
    work = Work(root, TWO_TRIES, gates=python_gate())
    assert work.done() is RunState.SUCCEEDED
    run = work.engine.ledger.run
    assert [line.iteration for line in work.log.lines()] == [1, 2]
    rejected = next(event for event in work.engine.ledger.events if type(event).__name__ == "Rejected")
    assert "AssertionError: helo" in rejected.report.findings[0].message  # type: ignore[attr-defined]
    assert run.snapshot
    assert work.world.show(run.snapshot, "src/greeting.py") == 'def greet():\n    return "hello"\n'
    assert run.title == "Greet properly"
    assert run.verified
    assert run.verified.tree == run.snapshot.tree
    assert {name for _, name in work.artifacts.kept} >= {"1-code-1.stdout", "1-code-2.stdout", "1-code-1.tests"}


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("write .github/workflows/ci.yml\n  on: push", "protected_path"),
        ("run head -c 2000000 /dev/zero | tr '\\0' x > big.txt", "too_large"),
        ("run for n in $(seq 101); do echo $n > f$n; done", "too_many_files"),
        ("run rm -rf src/many README.md", "mass_deletion"),
        ("run rm -rf src README.md", "checkout_lost"),
        (f"write key.txt\n  ghp_{'a1B2' * 9}", "secret_found"),
        ("say nothing to do", "no_change"),
        ("exit 9", "agent_failed"),
        ("badresult nonsense", "bad_result"),
    ],
)
def test_what_may_not_leave_ends_with_its_reason(root: Path, script: str, code: str) -> None:
    """Proves: F54, F58, F59, F60, 003-01."""
    work = Work(root, f"```slipway\n{script}\n```", gates=[], limits={"iterations": 1})
    assert work.done() is RunState.FAILED
    reason = work.engine.ledger.run.reason
    assert reason
    assert reason.code == code


def test_a_gate_judges_the_commit_and_not_what_was_ignored(root: Path) -> None:
    """A file the agent's `.gitignore` hides exists for no gate. Proves: F64, I08, I24."""
    script = "```slipway\nwrite .gitignore\n  secret-helper.py\nwrite secret-helper.py\n  x = 1\nwrite a.txt\n  x\n```"
    gate = [{"name": "tests", "run": ["sh", "-c", "test -e a.txt && test ! -e secret-helper.py"]}]
    work = Work(root, script, gates=gate)
    assert work.done() is RunState.SUCCEEDED


def test_plan_code_and_review_by_script(root: Path) -> None:
    """The reviewer's rejection is the implementer's next brief. Proves: 002-19, 000-11, 000-33."""
    body = """```slipway
planner:
body
  1. Write a.txt.
implementer try 1:
write a.txt
  one
implementer try 2:
write a.txt
  two
reviewer:
demand a.txt two
  Write two.
```"""
    work = Work(root, body, gates=[], flows={"implement": FLOW})
    assert work.done() is RunState.SUCCEEDED
    assert work.engine.ledger.run.plan == "1. Write a.txt.\n"
    assert [line.step for line in work.log.lines()] == ["plan", "code", "review", "code", "review"]


FLOW = {
    "steps": [
        {"name": "plan", "role": "planner"},
        {"name": "code", "role": "implementer", "depends_on": ["plan"]},
        {"name": "review", "role": "reviewer", "depends_on": ["code"], "on_reject": "code"},
    ]
}


def test_ports_are_what_the_engine_asks_for(root: Path) -> None:
    assert isinstance(Work(root, "x").ports, Ports)
