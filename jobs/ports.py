"""What the engine needs of the world, as roles. Adapters are in `infra/` and `delivery/`; `app/wiring` joins them once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.events import Event
from jobs.evidence import AgentResult, GateResult, Receipt, Snapshot
from jobs.model import Run
from jobs.rules import AgentRule, GateRule, StepRule


class Ledger(Protocol):
    """The store of runs. Every write of a worker is fenced by its lease."""

    def load(self, run_id: str) -> Run:
        """The run as it stands. Raises KeyError for an id that is not whole and known."""
        ...

    def commit(self, run: Run, event: Event) -> Run:
        """Store `event` and the advanced run in one transaction and return the run as it now stands.

        Callbacks the event asks for are written in the same transaction. Raises LeaseLost when `run.lease` is not the
        live lease any more (nothing is written then) and IllegalTransition when the event cannot happen there.
        """
        ...

    def messages(self, run: Run) -> Sequence[str]:
        """The steering messages received for the run so far, oldest first."""
        ...


class Clock(Protocol):
    """The time of this process."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Checkout:
    """An isolated directory with the run's files in it.

    `path` is where the files are seen from outside the sandbox (for an overlay, its merged view exists only inside
    a sandbox and `path` is the upper directory); only `infra` looks into it.
    """

    run_id: str
    attempt: int
    path: Path
    base: str


class Workspaces(Protocol):
    """The one owner of mirrors, templates, checkouts and the control git directory."""

    def prepare(self, run: Run) -> Checkout:
        """A clean checkout of the run's last snapshot, else of its base; the same one again within an attempt.

        Fetches when the wanted commit is not in the mirror. For a pull request the authorised head sha is fetched by
        sha. Asserts repository, base and cleanliness. Raises Fault (`fetch_failed`, `repository_unreachable`,
        `base_missing`, `checkout_failed`, `disk_full`).
        """
        ...

    def base_of(self, run: Run) -> str:
        """The commit the run works from: the authorised head, or the tip of its base branch. Raises Fault as `prepare`."""
        ...

    def harvest(self, run: Run, checkout: Checkout) -> Snapshot | None:
        """The agent's files as a commit of ours on the recorded base; None when nothing differs from the last snapshot or base.

        To be called only when no process of the sandbox lives. Raises Refused with a snapshot-class reason.
        """
        ...

    def patch(self, run: Run, snapshot: Snapshot) -> str:
        """The unified diff from base to snapshot, at most `limits.patch_bytes` × 2 characters."""
        ...

    def texts(self, run: Run, paths: Sequence[str]) -> Mapping[str, str]:
        """What is in those of these files that are there at the run's base commit."""
        ...

    def dispose(self, run: Run) -> None:
        """Remove every checkout of the run. Never raises for what is already gone."""
        ...


@dataclass(frozen=True, slots=True)
class Brief:
    """What an agent is told: becomes `$SLIPWAY_BRIEF` (JSON) and, rendered, its prompt.

    `remarks` are what others said and found on the pull request before the run was asked for; `prompt` is what the repository's
    configuration says to the step, `template` its own words for the role, `patch` the change a reviewer is to judge, `gates` and `protect`
    what the service will check, `hidden` how many characters were taken out because no reader would see them.
    """

    run: str
    step: str
    role: str
    iteration: int
    title: str
    body: str
    instructions: str = ""
    plan: str = ""
    findings: tuple[Mapping[str, object], ...] = ()
    messages: tuple[str, ...] = ()
    guide: str = ""
    prompt: str = ""
    template: str = ""
    patch: str = ""
    gates: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    repository: str = ""
    source: str = "in the request"
    hidden: int = 0
    remarks: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of an agent."""

    run: Run
    step: StepRule
    agent: AgentRule
    brief: Brief
    prompt: str
    checkout: Checkout
    timeout_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class Price:
    """What a token of a prompt costs in US dollars, by the list that came with the service; None where nobody knows."""

    usd_per_token: float | None


class Agents(Protocol):
    """Starts agents in the sandbox."""

    def price(self, agent: AgentRule) -> Price | None:
        """The price of what the agent is told; None for one without a model of a provider's."""
        ...

    def check(self, agent: AgentRule) -> str:
        """The agent's version. Raises Refused(`agent_missing`) or Fault(`sandbox_unavailable`)."""
        ...

    def launch(self, launch: Launch) -> AgentResult:
        """Run the agent to its end; nothing of it lives on return. A stop request of the run ends it within seconds.

        Raises Fault only when it could not be started (`sandbox_unavailable`, `agent_missing`, …): such a start is not
        an attempt. Everything that happens afterwards is in the result.
        """
        ...


class Gates(Protocol):
    """Runs the repository's gates."""

    def run(self, run: Run, snapshot: Snapshot, gates: Sequence[GateRule]) -> tuple[GateResult, ...]:
        """Every gate in a sandbox of its own, on a tree written from the snapshot commit; one result each, in order.

        Raises Fault only when no gate could be run (`setup_failed`, `sandbox_unavailable`, `checkout_failed`).
        """
        ...


class Delivery(Protocol):
    """Takes the verified commit out, in one piece. The managers in `delivery/` are this."""

    def deliver(self, run: Run) -> Receipt:
        """Branch and pull request (or record) for `run.snapshot`; repeatable, finds its own earlier work.

        Raises Refused for a definite no (nothing of ours is left behind then) and Fault for an unknown outcome.
        """
        ...

    def stands(self, run: Run) -> bool:
        """Whether people see a part of it by now, as far as the effects tell: then it is finished, whoever asks to stop."""
        ...


class Artifacts(Protocol):
    """Large outputs of a run, kept whole."""

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        """Keep `data` under `name` for the run, replacing an earlier one; returns the name."""
        ...

    def get(self, run_id: str, name: str) -> bytes:
        """The data. Raises KeyError."""
        ...


@dataclass(frozen=True, slots=True)
class Effect:
    """One outside write: recorded before it is tried, under a key the outside world also knows."""

    run_id: str
    kind: str
    key: str
    done: bool
    external: Mapping[str, object]
    tries: int = 1

    @property
    def unsure(self) -> bool:
        """Whether it was tried before and nobody wrote down what came of that: it may have been done."""
        return not self.done and self.tries > 1


class Effects(Protocol):
    """The record of outside writes. Write down, then do, then write that it is done."""

    def intend(self, run: Run, kind: str, key: str) -> Effect:
        """The effect's row, made durable before this returns; `done` and `external` are of an earlier try.

        Fenced by `run.lease` where the run has one, and refused with LeaseLost when too little of the lease is left for
        a send.
        """
        ...

    def done(self, run: Run, effect: Effect, external: Mapping[str, object]) -> Effect:
        """Write that it is done and what the outside world calls it."""
        ...

    def of(self, run_id: str) -> Sequence[Effect]:
        """Every effect of a run; nothing is written."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the engine may touch."""

    ledger: Ledger
    clock: Clock
    workspaces: Workspaces
    agents: Agents
    gates: Gates
    deliveries: Mapping[str, Delivery]
    artifacts: Artifacts
