"""The engine's ports in memory: each does what the next entry of its script says."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from jobs import events as e
from jobs import fold
from jobs.errors import Fault, LeaseLost
from jobs.evidence import AgentResult, Change, Ended, Finding, GateResult, Receipt, Snapshot
from jobs.model import FINAL, Lease, Repository, Run, RunRequest, Source
from jobs.ports import Checkout, Launch, Ports, Price
from jobs.rules import AgentRule, GateRule, Rules

T = TypeVar("T")
REPOSITORY = Repository(id=42, full_name="acme/greeter", installation=7)
DONE = AgentResult(agent="scripted", ended=Ended.EXIT, exit_code=0, summary="Greets in French.")


def request(**changes: object) -> RunRequest:
    """A run asked for by a label on issue 7."""
    asked = RunRequest("label:42:1", REPOSITORY, Source("label", number=7), title="Greet in French", agent="scripted")
    return replace(asked, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def rules(**changes: object) -> Rules:
    """One program, one gate."""
    return Rules.model_validate({"agent": "scripted", "gates": [{"name": "tests", "run": ["make", "test"]}], **changes})


@dataclass
class FakeClock:
    """Time that passes only when somebody sleeps."""

    at: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@dataclass
class FakeLedger:
    """Keeps one run and its events; fences like the real one."""

    run: Run
    clock: FakeClock
    events: list[e.Event] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def load(self, run_id: str) -> Run:
        assert run_id == self.run.id
        return self.run

    def commit(self, run: Run, event: e.Event) -> Run:
        if run.lease is None or self.run.lease is None or run.lease.token != self.run.lease.token:
            raise LeaseLost
        self.run = replace(fold.advance(self.run, event, at=self.clock.at), version=self.run.version + 1)
        self.events.append(event)
        return self.run

    def messages(self, run: Run) -> list[str]:
        return self.said

    def claim(self) -> Run:
        attempt = self.run.attempt + 1
        self.run = replace(self.run, lease=Lease(token=attempt, owner="w"))
        delivering = self.run.phase.value == "deliver"
        return self.commit(self.run, e.ClaimedForDelivery("w", attempt) if delivering else e.Claimed("w", attempt))

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class Script(Generic[T]):
    """Hands out its entries in order, the last one for ever; an exception among them is raised."""

    def __init__(self, *entries: T | BaseException) -> None:
        self.entries = deque(entries)
        self.used = 0

    def next(self) -> T:
        self.used += 1
        entry = self.entries.popleft() if len(self.entries) > 1 else self.entries[0]
        if isinstance(entry, BaseException):
            raise entry
        return entry


def changed(tree: str) -> Snapshot:
    return Snapshot(commit=f"c-{tree}", tree=tree, base="b0", changes=(Change("hello.txt", "modified", "100644", 8),), patch_bytes=40)


def passed(name: str = "tests") -> GateResult:
    return GateResult(name, ("make", "test"), passed=True, exit_code=0)


def failed(message: str = "1 test fails", name: str = "tests") -> GateResult:
    return GateResult(name, ("make", "test"), passed=False, exit_code=1, findings=(Finding(name, message),))


class FakeWorkspaces:
    def __init__(self, *snapshots: Snapshot | Exception | None) -> None:
        self.snapshots: Script[Snapshot | None] = Script(*(snapshots or (changed("t1"), changed("t2"), changed("t3"), changed("t4"))))
        self.bases: Script[str] = Script("b0")
        self.disposed = 0
        self.added = "bonjour"

    def base_of(self, run: Run) -> str:
        return self.bases.next()

    def prepare(self, run: Run) -> Checkout:
        return Checkout(run.id, run.attempt, Path("upper"), run.base_sha or "")

    def harvest(self, run: Run, checkout: Checkout) -> Snapshot | None:
        return self.snapshots.next()

    def patch(self, run: Run, snapshot: Snapshot) -> str:
        return f"--- a/hello.txt\n+++ b/hello.txt\n@@ -1 +1 @@\n-hello\n+{self.added}\n"

    def texts(self, run: Run, paths: Sequence[str]) -> Mapping[str, str]:
        return {}

    def dispose(self, run: Run) -> None:
        self.disposed += 1


class FakeAgents:
    def __init__(self, *results: AgentResult | Exception) -> None:
        self.results: Script[AgentResult] = Script(*(results or (DONE,)))
        self.checks: Script[str] = Script("1")
        self.launches: list[Launch] = []
        self.prices: Price | None = None

    def price(self, agent: AgentRule) -> Price | None:
        return self.prices

    def check(self, agent: AgentRule) -> str:
        return self.checks.next()

    def launch(self, launch: Launch) -> AgentResult:
        self.launches.append(launch)
        return self.results.next()


class FakeGates:
    def __init__(self, *results: GateResult | Exception) -> None:
        self.results: Script[GateResult] = Script(*(results or (passed(),)))

    def run(self, run: Run, snapshot: Snapshot, gates: tuple[GateRule, ...]) -> tuple[GateResult, ...]:
        return (self.results.next(),) if gates else ()


class FakeDelivery:
    def __init__(self, *receipts: Receipt | Exception) -> None:
        self.standing = False
        self.receipts: Script[Receipt] = Script(*(receipts or (Receipt("github", "slipway/7", "c-t1", "b0", 12, "u"),)))

    def deliver(self, run: Run) -> Receipt:
        return self.receipts.next()

    def stands(self, run: Run) -> bool:
        return self.standing


@dataclass
class FakeArtifacts:
    """Keeps what it is given."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        self.kept[name] = data
        return name

    def get(self, run_id: str, name: str) -> bytes:
        return self.kept[name]


class Engine:
    """A run and fake ports around it."""

    def __init__(
        self,
        *,
        of: RunRequest | None = None,
        by: Rules | None = None,
        agents: FakeAgents | None = None,
        workspaces: FakeWorkspaces | None = None,
        gates: FakeGates | None = None,
        delivery: FakeDelivery | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger(Run("r1" * 16, of or request(), by or rules()), self.clock)
        self.agents, self.workspaces = agents or FakeAgents(), workspaces or FakeWorkspaces()
        self.gates, self.delivery = gates or FakeGates(), delivery or FakeDelivery()
        self.artifacts = FakeArtifacts()

    @property
    def ports(self) -> Ports:
        deliveries = {"github": self.delivery, "local": self.delivery}
        return Ports(self.ledger, self.clock, self.workspaces, self.agents, self.gates, deliveries, self.artifacts)

    def to_the_end(self, walk: object, most: int = 200) -> Run:
        """Claim and walk until the run is final or waits for a person; parked time passes at once."""
        assert callable(walk)
        for _ in range(most):
            run = self.ledger.run
            if run.state in FINAL or run.state.value.startswith("awaiting"):
                return run
            if run.state.value == "parked":
                self.clock.at = max(self.clock.at, run.not_before)
                self.ledger.commit(run, e.Unparked())
            walk(self.ledger.claim(), self.ports)
        raise AssertionError(f"no end in sight: {self.ledger.names[-10:]}")


def fault(code: str, **more: object) -> Fault:
    return Fault(code, f"{code} happened", **more)  # type: ignore[arg-type]  # passed on to Fault
