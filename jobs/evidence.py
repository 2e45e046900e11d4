"""What is kept of each turn of the loop: outputs, agent results, findings, verification reports, snapshots."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Output:
    """A captured stream: its first and last characters, its whole size in bytes, and where the rest is kept.

    `artifact` names an artifact of the run (`Artifacts.get`); `truncated` says that even the artifact was cut.
    """

    head: str = ""
    tail: str = ""
    size: int = 0
    truncated: bool = False
    artifact: str | None = None

    @property
    def text(self) -> str:
        """Head and tail as one text for a person, with a mark where something is left out."""
        if not self.tail:
            return self.head
        return f"{self.head}\n[… {self.size} bytes in all …]\n{self.tail}"


def clipped(text: str, *, head: int = 8_000, tail: int = 24_000) -> Output:
    """`text` as an Output, cut in the middle."""
    size = len(text.encode(errors="replace"))
    if len(text) <= head + tail:
        return Output(head=text, size=size)
    return Output(head=text[:head], tail=text[-tail:], size=size, truncated=True)


class Ended(StrEnum):
    """How a process came to its end."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    IDLE = "idle"
    OUTPUT = "output"
    STOPPED = "stopped"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Model tokens of one launch."""

    input: int = 0
    output: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a launch is taken to use at least, worked out before it from the length of its prompt: an estimate and never a measure.

    `usd` is None where nobody knows the model's price.
    """

    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an agent's launch did not count as done: a code of `jobs.errors.REASONS` and the evidence in a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentResult:
    """Everything one launch of an agent left behind; `failure` is None only when it is believed to have done its part."""

    agent: str
    ended: Ended
    exit_code: int | None
    stdout: Output = Output()
    stderr: Output = Output()
    duration_s: float = 0.0
    failure: Failure | None = None
    session_id: str | None = None
    version: str | None = None
    model: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    tool_calls: tuple[str, ...] = ()
    summary: str = ""
    title: str = ""
    body: str = ""
    decision: str | None = None
    questions: tuple[str, ...] = ()
    captured_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of what an agent at work is doing: a `message`, a `tool` it uses, a `file` it changes, an `error` it meets.

    `more` says how many lines there were besides.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a change, for the agent's next brief and for an annotation on the diff."""

    gate: str
    message: str
    path: str | None = None
    line: int | None = None
    level: str = "failure"  # failure | warning | notice


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate on one snapshot. `ended` other than EXIT, or a broken report, is never a pass."""

    name: str
    command: tuple[str, ...]
    passed: bool
    required: bool = True
    ended: Ended = Ended.EXIT
    exit_code: int | None = None
    duration_s: float = 0.0
    output: Output = Output()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verification of one snapshot; `tree` is the id of the tree every gate saw."""

    tree: str
    results: tuple[GateResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every required gate passed."""
        return all(result.passed for result in self.results if result.required)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the gates that failed, required ones first."""
        failed = [result for result in self.results if not result.passed]
        failed.sort(key=lambda result: not result.required)
        return tuple(finding for result in failed for finding in result.findings)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the loop, as it is told afterwards: what it came to, and which gates did not pass."""

    step: str
    iteration: int
    decision: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path between base and snapshot; `mode` is git's (100644, 100755, 120000), `size` in bytes."""

    path: str
    kind: str  # added | modified | deleted
    mode: str
    size: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit made by the service from the agent's files. Verified tree = committed tree = pushed tree.

    `base_files` is how many files the base has; 0 when nobody counted.
    """

    commit: str
    tree: str
    base: str
    changes: tuple[Change, ...] = ()
    patch_bytes: int = 0
    base_files: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a delivery: what the outside world now holds. `number` and `url` are None for a local record."""

    kind: str
    branch: str
    sha: str
    base_sha: str
    number: int | None = None
    url: str | None = None
    check_run: int | None = None
    warnings: tuple[str, ...] = field(default=())


def kept(snapshot: Snapshot, warning: str) -> Receipt:
    """The receipt of a commit that stays on this machine, and why."""
    return Receipt(kind="none", branch="", sha=snapshot.commit, base_sha=snapshot.base, warnings=(warning,))
