"""A launcher with everything real but the store: the sandbox, the files, the ledger, the clock."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.agents.launcher import SandboxedAgents, Surroundings
from infra.agents.launches import LaunchLog, Line
from infra.clock import SystemClock
from infra.outputs import Outputs
from infra.redact import Redactor
from infra.sandbox import CHECKOUT, Bind, Mount, Sandbox
from jobs.evidence import AgentResult
from jobs.model import Repository, Run, RunRequest, Source
from jobs.ports import Brief, Checkout, Launch
from jobs.rules import AgentRule, Rules, StepRule

RUN_ID = "0123456789abcdef" * 2
SECRET = "s3cr3t-V4lue-of-the-worker"
REPOSITORY = Repository(id=42, full_name="octo/greeter")


@dataclass
class MemoryArtifacts:
    """`jobs.ports.Artifacts` in a dictionary."""

    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        self.kept[run_id, name] = data
        if truncated:
            self.cut.add(name)
        return name

    def keep(self, run_id: str, name: str, pieces: Iterable[bytes], *, truncated: bool = False) -> str:
        return self.put(run_id, name, b"".join(pieces), truncated=truncated)

    def get(self, run_id: str, name: str) -> bytes:
        return self.kept[run_id, name]


@dataclass
class PlainCheckouts:
    """A checkout that is an ordinary directory."""

    path: Path

    def mounts(self, run: Run, checkout: Checkout) -> tuple[Mount, ...]:
        return (Bind(self.path, CHECKOUT, writable=True),)


@dataclass
class Flag:
    """A stop flag that is raised after so many questions, or from outside."""

    after: int | None = None
    asked: int = 0
    raised: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def requested(self, run_id: str) -> bool:
        assert run_id == RUN_ID
        self.asked += 1
        if self.error:
            raise self.error
        return self.raised.is_set() or (self.after is not None and self.asked >= self.after)


def a_run(**rules: object) -> Run:
    """A run in its first iteration."""
    request = RunRequest("key", REPOSITORY, Source("label", number=7), "Greet", agent="scripted")
    return Run(RUN_ID, request, Rules.model_validate({"agent": "scripted", **rules}), attempt=1, iteration=1, step="code")


class World:
    """Launches agents on a checkout in `root`."""

    def __init__(self, root: Path, sandbox: Sandbox, **around: object) -> None:
        self.root = root
        self.checkout = root / "checkout"
        self.checkout.mkdir(parents=True)
        self.artifacts = MemoryArtifacts()
        self.flag = Flag()
        self.log = LaunchLog(root / "launches.log")
        surroundings = Surroundings(
            sandbox=sandbox,
            checkouts=PlainCheckouts(self.checkout),
            stop=self.flag,
            outputs=Outputs(self.artifacts, Redactor([SECRET])),
            log=self.log,
            clock=SystemClock(),
            scratch=root / "launches",
        )
        self.around = replace(surroundings, **around)  # type: ignore[arg-type]  # a test names what it replaces
        self.agents = SandboxedAgents(self.around)

    def script(self, *lines: str, **changes: object) -> AgentResult:
        """Launch the scripted agent with a script in its task."""
        return self.launch("```slipway\n" + "\n".join(lines) + "\n```", **changes)

    def launch(
        self,
        body: str = "",
        *,
        agent: AgentRule | None = None,
        role: str = "implementer",
        iteration: int = 1,
        timeout_s: float = 60,
        idle_s: float = 60,
        prompt: str = "Do it.",
        step: str = "code",
        tools: tuple[str, ...] | None = None,
        **rules: object,
    ) -> AgentResult:
        run = replace(a_run(**rules), iteration=iteration)
        walked = StepRule.model_validate({"name": step, "role": role, "tools": tools})
        brief = Brief(RUN_ID, step, role, iteration, "Greet", body)
        checkout = Checkout(RUN_ID, 1, self.checkout, "b" * 40)
        return self.agents.launch(Launch(run, walked, agent or AgentRule(name="scripted"), brief, prompt, checkout, timeout_s, idle_s))

    def command(self, script: str, **changes: object) -> AgentResult:
        """Launch a shell script as a `command` agent."""
        return self.launch(agent=AgentRule(name="command", run=("/bin/sh", "-c", script)), **changes)  # type: ignore[arg-type]

    @property
    def lines(self) -> list[Line]:
        return list(self.log.lines())

    @property
    def left(self) -> list[Path]:
        """What is left of launches in the directory for them."""
        return sorted((self.root / "launches").glob("*/*"))
