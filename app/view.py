"""A run's JSON page as values to show: the command line and the dashboard say the same things in the same order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.wording import duration, words

Page = Mapping[str, Any]
GOOD = frozenset({"planned", "approved", "passed"})
FINAL = frozenset({"succeeded", "failed", "cancelled", "rejected"})


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate's result on one snapshot."""

    name: str
    passed: bool
    required: bool
    ended: str
    exit_code: int | None
    duration_s: float
    output: str
    command: str

    @property
    def state(self) -> str:
        """How it is shown: `passed`, `failed`, or `warn` for one that may fail."""
        if self.passed:
            return "passed"
        return "failed" if self.required else "warn"

    @property
    def built_in(self) -> bool:
        """Whether the service checks this by itself, without a command of the repository's."""
        return not self.command

    @property
    def how(self) -> str:
        """How its process ended."""
        if self.built_in:
            return "built in"
        return (
            f"exit {self.exit_code}, {duration(self.duration_s)}"
            if self.ended == "exit"
            else f"{words(self.ended)} after {duration(self.duration_s)}"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    gate: str
    message: str
    where: str
    level: str
    path: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One build → snapshot → verify turn: what the agent did and what became of it."""

    step: str
    role: str
    agent: str
    attempt: int
    n: int
    launched_at: float | None
    ended_at: float | None
    ended: str
    exit_code: int | None
    duration_s: float
    failure: str
    summary: str
    decision: str | None
    model: str | None
    session: str | None
    tokens: int
    cost_usd: float | None
    tool_calls: int
    stdout: str
    stderr: str
    commit: str | None
    files: tuple[tuple[str, str], ...]
    gates: tuple[Gate, ...]
    findings: tuple[Finding, ...]
    kept: str = ""

    @property
    def state(self) -> str:
        """How it is shown."""
        if self.ended_at is None:
            return "running"
        return "passed" if self.decision in GOOD else "failed"

    @property
    def diff(self) -> str:
        """The name its change is kept under, once it was verified."""
        return f"{self.kept}.diff"

    @property
    def quiet_gates(self) -> tuple[str, ...]:
        """The built-in gates that passed: nobody wants a line for each."""
        return tuple(gate.name for gate in self.gates if gate.built_in and gate.passed)

    @property
    def loud_gates(self) -> tuple[Gate, ...]:
        """All the others."""
        return tuple(gate for gate in self.gates if gate.name not in self.quiet_gates)

    @property
    def verdict(self) -> str:
        """What the turn came to, where its gates and failure do not say it already."""
        return "" if self.failure or self.gates else words(self.decision or "")

    @property
    def how(self) -> str:
        """How the agent's process ended."""
        if not self.ended:
            return "at work"
        return f"exit {self.exit_code}" if self.ended == "exit" else self.ended


def output(stream: Mapping[str, Any] | None) -> str:
    """A captured stream as one text, with a mark where something is left out."""
    if not stream:
        return ""
    head, tail = stream.get("head") or "", stream.get("tail") or ""
    return f"{head}\n[… {stream.get('size')} bytes in all …]\n{tail}" if tail else head


def gate(result: Page) -> Gate:
    """A gate's result."""
    return Gate(
        name=result["name"],
        passed=result["passed"],
        required=result.get("required", True),
        ended=result.get("ended", "exit"),
        exit_code=result.get("exit_code"),
        duration_s=result.get("duration_s") or 0.0,
        output=output(result.get("output")),
        command=" ".join(result.get("command") or ()),
    )


def finding(found: Page) -> Finding:
    """A finding, with its place as `path:line`."""
    place = ":".join(str(part) for part in (found.get("path"), found.get("line")) if part is not None)
    return Finding(found["gate"], found["message"], place, found.get("level", "failure"), found.get("path") or "", found.get("line"))


def findings(result: Page) -> list[Finding]:
    """What a gate found, but for what merely repeats its output."""
    printed = output(result.get("output"))
    found = [finding(one) for one in result.get("findings", ())]
    return [one for one in found if one.where or one.message.strip() not in printed]


def turn(step: Page, row: Page) -> Turn:
    """An iteration as the page has it."""
    result = row["result"] or {}
    report = row["report"] or {"results": []}
    tokens = result.get("tokens") or {}
    failure = result.get("failure")
    return Turn(
        step=step["name"],
        role=row["role"],
        agent=row["agent"],
        attempt=row["attempt"],
        n=row["n"],
        launched_at=row["launched_at"],
        ended_at=row["ended_at"],
        ended=result.get("ended", ""),
        exit_code=result.get("exit_code"),
        duration_s=result.get("duration_s") or 0.0,
        failure=f"{failure['code']}: {failure['text']}" if failure else "",
        summary=result.get("summary") or "",
        decision=row["decision"],
        model=result.get("model"),
        session=result.get("session_id"),
        tokens=tokens.get("input", 0) + tokens.get("output", 0),
        cost_usd=row["cost_usd"],
        tool_calls=len(result.get("tool_calls") or ()),
        stdout=output(result.get("stdout")),
        stderr=output(result.get("stderr")),
        commit=row["sha"],
        files=tuple((change["kind"], change["path"]) for change in (row["snapshot"] or {}).get("changes", ())),
        gates=tuple(gate(one) for one in report["results"]),
        findings=tuple(one for result in report["results"] if not result["passed"] for one in findings(result)),
        kept=_kept(step, row),
    )


def _kept(step: Page, row: Page) -> str:
    """What the names of a turn's artifacts begin with: as its outputs are called, else as those of a first round are."""
    result = row["result"] or {}
    for stream in ("stdout", "stderr"):
        name = (result.get(stream) or {}).get("artifact")
        if name:
            return str(name).removesuffix(f".{stream}")
    return f"{row['attempt']}-{step['name']}-{row['n']}"


def turns(page: Page) -> tuple[Turn, ...]:
    """Every iteration of a run in the order they happened."""
    found = [turn(step, row) for step in page["steps"] for attempt in step["attempts"] for row in attempt["iterations"]]
    return tuple(sorted(found, key=lambda one: one.launched_at or 0.0))


def origin(page: Page) -> str:
    """What a run was asked for on, or by."""
    source = page["source"]
    if source["number"] is None:
        return str(source["trigger"])
    return f"{'pull request' if source['item'] == 'pull' else source['item']} #{source['number']}"


def lasted(page: Page, now: float) -> float | None:
    """For how many seconds a run has been at work, or was."""
    return None if page["started_at"] is None else max(0.0, (page["ended_at"] or now) - page["started_at"])


def actions(page: Page) -> tuple[str, ...]:
    """What can be done to a run as it stands."""
    state = page["state"]
    found = [
        ("approve", state == "awaiting_approval"),
        ("retry", state == "parked" or state in FINAL),
        ("say", state not in FINAL),
        ("stop", state not in FINAL),
    ]
    return tuple(name for name, possible in found if possible)
