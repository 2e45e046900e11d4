"""What the API answers, as shapes: the document is made of them, and tests hold every answer to them.

Nothing is parsed or converted with them when the service runs. Times are seconds since the epoch; what is not known is null.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.evidence import AgentResult, Finding, GateReport, Receipt, Snapshot
from jobs.model import ItemKind, Phase, RunState


class Answer(BaseModel):
    """A JSON answer; it has these members and no other."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Why(Answer):
    """Why a run stands as it does."""

    code: str = Field(description="one of the codes of docs/troubleshooting.md; it does not change")
    text: str = Field(description="a sentence to act on")
    kind: str = Field(alias="class", description="who is at fault")


class Origin(Answer):
    """What the run was asked for on, by whom, and by which webhook."""

    trigger: str
    item: ItemKind
    number: int | None
    actor: str | None
    permission: str | None
    delivery: str | None = Field(description="the `X-GitHub-Delivery` of the webhook")
    comment: int | None
    url: str | None


class Cost(Answer):
    """What is known to be spent."""

    usd: float | None
    tokens: int


class Links(Answer):
    """Where to go on."""

    self: str
    events: str
    page: str
    item: str | None
    pull: str | None
    check: str | None


class RunHead(Answer):
    """A run, as listings show it."""

    id: str
    state: RunState
    phase: Phase
    reason: Why | None
    flow: str
    repository: str
    scope: str = Field(description="`installation:repository id`")
    title: str
    source: Origin
    created_at: float
    started_at: float | None
    ended_at: float | None
    step: str
    attempt: int
    iteration: int
    base_sha: str | None
    delivery: Receipt | None
    check_run: int | None
    cost: Cost
    retry_of: str | None
    links: Links


class Iteration(Answer):
    """One turn of the loop, with everything that is kept of it."""

    n: int
    attempt: int
    role: str
    agent: str
    launched_at: float
    ended_at: float | None
    decision: str | None
    brief: dict[str, Any] | None
    result: AgentResult | None
    report: GateReport | None
    snapshot: Snapshot | None
    sha: str | None
    cost_usd: float | None


class Attempt(Answer):
    """One try of a step by one worker."""

    n: int
    worker: str
    started_at: float
    launched_at: float | None
    ended_at: float | None
    outcome: str | None
    iterations: list[Iteration]


class Step(Answer):
    """A step of the run's flow."""

    name: str
    role: str
    agent: str
    state: str
    attempts: list[Attempt]


class Callback(Answer):
    """A signed outbound webhook of a run, without its body."""

    id: str = Field(description="its `webhook-id`")
    type: str
    state: Literal["pending", "sent", "dead"]
    tries: int
    next_at: float
    last_status: int | None
    last_error: str | None
    created_at: float
    sent_at: float | None
    url: str = Field(description="scheme and host of the receiver; the rest of its address may be a secret and is shown to nobody")
    receiver: str = Field(description="the receiver's short name: the first eight hex digits of the SHA-256 of its whole address")


class RunPage(RunHead):
    """Everything about a run."""

    instructions: str
    plan: str
    summary: str
    findings: list[Finding]
    stop_requested: str | None
    not_before: float | None
    position: int | None = Field(description="its place in the queue, 1 is next")
    steps: list[Step]
    callbacks: list[Callback]
    artifacts: list[str]
    pinned: bool = Field(description="whether its outputs are kept whatever their age")


class Runs(Answer):
    """A page of runs, newest first."""

    runs: list[RunHead]
    next: str | None = Field(description="the `cursor` of the next page; null on the last one")


class FoundRun(RunHead):
    """A run, and the clue to it."""

    found_by: str


class Found(Answer):
    """The runs that what was asked for belongs to, newest first."""

    runs: list[FoundRun]


class StoredEvent(Answer):
    """Something that happened to a run."""

    seq: int
    type: str
    at: float
    state: RunState
    phase: Phase
    attempt: int
    payload: dict[str, Any]
    delivery: str | None
    run: str


class Events(Answer):
    """Events of a run, oldest first."""

    events: list[StoredEvent]
    next: int = Field(description="the `after` of the next page")


class OutboxRow(Callback):
    """A callback, as the listing of all shows it."""

    run_id: str
    scope: str
    lease_until: float


class Callbacks(Answer):
    """Callbacks, newest first."""

    callbacks: list[OutboxRow]


class Paused(Answer):
    """What nothing is claimed of any more; `*` is everything."""

    paused: str


class Resumed(Answer):
    """What is claimed of again; `was_paused` says whether there was a pause to end."""

    resumed: str
    was_paused: bool


class Replayed(Answer):
    """The callback that is sent again."""

    replayed: str


class AgentFound(Answer):
    """An agent as a host's keeper last found it."""

    host: str
    agent: str
    state: Literal["ok", "absent", "broken"]
    version: str
    stamp: str = Field(description="changes with the program's files")
    text: str
    since: float
    seen_at: float


class AgentEvent(Answer):
    """What became of an agent; `was` and `version` are `absent` or `broken` where it has none."""

    seq: int
    host: str
    agent: str
    type: Literal["AgentFound", "AgentChanged", "AgentBroke", "AgentMended", "AgentVanished"]
    was: str
    version: str
    text: str
    at: float


class Agents(Answer):
    """The agents of each host; the events newest first."""

    agents: list[AgentFound]
    events: list[AgentEvent]
