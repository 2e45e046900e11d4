"""The repository's configuration (`.github/slipway.yml`) as values. Unknown keys are errors; every default is here."""

import graphlib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobs.errors import Class
from jobs.units import Name, Octets, Seconds

BUILT_IN_AGENTS = ("claude", "codex", "opencode", "gemini", "command", "scripted")
COMMAND = "command"
PROGRAMS = (COMMAND, "scripted")
TOOLS = ("Read", "Grep", "Glob", "Edit", "Write", "Bash", "WebFetch", "WebSearch")
_TEMPLATE = re.compile(r"\.github/slipway/[A-Za-z0-9._/-]{1,100}\.md")


Command = Annotated[tuple[str, ...], Field(min_length=1)]


class Rule(BaseModel):
    """A part of the configuration: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _template(value: str) -> str:
    if not _TEMPLATE.fullmatch(value) or ".." in value:
        raise ValueError("a prompt is a Markdown file below .github/slipway/, like .github/slipway/reviewer.md")
    return value


Template = Annotated[str, AfterValidator(_template)]
Role = Literal["planner", "implementer", "reviewer", "custom"]


NO_PROGRAM = "an agent named 'command' needs 'run', the program and its arguments"


class AgentRule(Rule):
    """Which agent works: one that is built in, or a program of the repository's own (`name: command`)."""

    name: Literal["claude", "codex", "opencode", "gemini", "command", "scripted"] = "claude"
    run: tuple[str, ...] = ()
    model: str | None = None

    @model_validator(mode="after")
    def _command_has_a_program(self) -> Self:
        if self.name == COMMAND and not self.run:
            raise ValueError(NO_PROGRAM)
        return self


def _agent(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Tool = Literal["Read", "Grep", "Glob", "Edit", "Write", "Bash", "WebFetch", "WebSearch"]
_Named = Literal["claude", "codex", "opencode", "gemini", "scripted"]
AgentField = Annotated[AgentRule, BeforeValidator(_agent, json_schema_input_type=AgentRule | _Named)]


class StepRule(Rule):
    """A node of a flow."""

    name: Name
    role: Role = "implementer"
    agent: AgentField | None = None
    tools: Annotated[tuple[Tool, ...], Field(min_length=1)] | None = None
    depends_on: tuple[Name, ...] = ()
    iterations: Annotated[int, Field(ge=1, le=50)] | None = None
    on_reject: Name | None = None
    prompt: str | None = None


def misfit(agent: AgentRule, step: StepRule) -> str | None:
    """Why the agent cannot work in the step, or cannot be kept to its tools there; None when it can."""
    if agent.name == COMMAND and not agent.run:
        return f"step {step.name!r}: {NO_PROGRAM}; ask for another agent, or name the program in the repository's configuration"
    if agent.name != "codex" or step.tools is None:
        return None
    if "WebFetch" in step.tools:
        return f"step {step.name!r}: codex has no WebFetch; leave it out, or name another agent for the step"
    if {"Edit", "Write"} & set(step.tools) and "Bash" not in step.tools:
        return f"step {step.name!r}: codex edits by its shell, so it needs Bash, or only tools that read"
    return None


class FlowRule(Rule):
    """A named graph of steps, walked in dependency order."""

    steps: Annotated[tuple[StepRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("two steps have the same name")
        for step in self.steps:
            for other in (*step.depends_on, *filter(None, [step.on_reject])):
                if other not in names:
                    raise ValueError(f"step {step.name!r} names {other!r}, which is not a step of this flow")
        try:
            graphlib.TopologicalSorter({step.name: step.depends_on for step in self.steps}).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"the steps depend on each other in a circle: {' → '.join(error.args[1])}") from error
        return self

    @property
    def order(self) -> tuple[StepRule, ...]:
        """The steps in the order they are walked; ties keep the order of the file."""
        placed: list[StepRule] = []
        left = list(self.steps)
        while left:
            done = {step.name for step in placed}
            ready = next(step for step in left if done.issuperset(step.depends_on))
            placed.append(ready)
            left.remove(ready)
        return tuple(placed)


class NetworkRule(Rule):
    """What a sandbox may reach: nothing, the named hosts only, or anything."""

    mode: Literal["deny", "allowlist", "allow"] = "deny"
    hosts: tuple[str, ...] = ()


class SetupRule(Rule):
    """Commands run once per key, from the base commit; their result lies read-only under agent and gates."""

    run: Annotated[tuple[Command, ...], Field(min_length=1)]
    key: tuple[str, ...] = ()
    network: NetworkRule = NetworkRule()
    timeout: Seconds = 900.0


class GateRule(Rule):
    """A command the service runs on the snapshot. Exit 0 and a readable report pass; anything else does not."""

    name: Name
    run: Command
    report: Literal["plain", "junit", "sarif"] = "plain"
    report_path: str | None = None
    timeout: Seconds = 900.0
    required: bool = True


class GatesPolicy(Rule):
    """Server-side demand on a repository's gates."""

    required: bool = False


class ApprovalRule(Rule):
    """Where a person has to say yes before the run goes on."""

    plan: bool = False
    expires: Seconds = 3 * 86400.0


class LimitsRule(Rule):
    """Bounds of one run. `prepare`, `build`, `verify` and `deliver` are those of one such phase, within its `wall`."""

    wall: Seconds = 45 * 60.0
    prepare: Seconds | None = None
    build: Seconds | None = None
    verify: Seconds | None = None
    deliver: Seconds | None = None
    idle: Seconds = 10 * 60.0
    iterations: Annotated[int, Field(ge=1, le=50)] = 5
    turns: Annotated[int, Field(ge=1, le=1000)] = 100
    tokens: Annotated[int, Field(ge=1)] | None = None
    cost_usd: Annotated[float, Field(gt=0)] | None = None
    output_bytes: Octets = 100 * 1000**2
    patch_bytes: Octets = 1000**2
    files: Annotated[int, Field(ge=1)] = 100
    deleted_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    memory: Octets = 2 * 1024**3
    disk: Octets = 5 * 1000**3
    processes: Annotated[int, Field(ge=8)] = 512


class DeliveryRule(Rule):
    """How the verified commit leaves."""

    kind: Literal["github", "local"] = "github"
    mode: Literal["required", "best_effort", "disabled"] = "required"
    draft: bool = True
    branch: str = "slipway/{number}-{slug}-{run}"
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    milestone: int | None = None
    close_issue: bool = True
    pulls: Literal["push", "push_or_follow_up", "stack", "follow_up"] = "push"
    await_ci: bool = False


CallbackType = Literal[
    "run.queued", "run.started", "run.progress", "run.awaiting_approval", "run.parked",
    "run.succeeded", "run.failed", "run.cancelled", "run.rejected",
]  # fmt: skip


class CallbackRule(Rule):
    """A receiver of signed outbound webhooks; empty `events` means all of them. Whether it may be reached is asked at each try."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=2000)]
    events: tuple[CallbackType, ...] = ()


class RetryRule(Rule):
    """How often and how patiently one class of faults is tried again; what is left out is as [troubleshooting](troubleshooting.md) says."""

    attempts: Annotated[int, Field(ge=0, le=20)] | None = None
    backoff: Seconds | None = None
    most: Seconds | None = None


READ_ONLY: tuple[Literal["Read"], Literal["Grep"], Literal["Glob"]] = ("Read", "Grep", "Glob")
CODE = StepRule(name="code", role="implementer")
PLANNED = CODE.model_copy(update={"depends_on": ("plan",)})
PLAN = StepRule(name="plan", role="planner", tools=READ_ONLY)
REVIEW = StepRule(name="review", role="reviewer", tools=READ_ONLY, depends_on=("code",), on_reject="code")
DEFAULT_FLOWS = {
    "implement": FlowRule(steps=(PLAN, PLANNED, REVIEW)),
    "fix": FlowRule(steps=(CODE,)),
    "plan": FlowRule(steps=(PLAN, PLANNED)),
    "review": FlowRule(steps=(StepRule(name="review", role="reviewer", tools=READ_ONLY),)),
}
PROGRAM_FLOWS = {**DEFAULT_FLOWS, "implement": FlowRule(steps=(CODE,))}
"""A program (`command`, `scripted`) does the one thing it does: nobody asks it for a plan or a verdict by default."""
DEFAULT_LABELS = {"slipway": "implement", "slipway:fix": "fix"}
AGENTS = (
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "AGENTS.override.md",
    "GEMINI.md",
    ".github/copilot-instructions.md",
    ".github/instructions/**",
    ".mcp.json",
    "opencode.json",
    "opencode.jsonc",
    ".cursorrules",
    ".claude/**",
    ".codex/**",
    ".gemini/**",
    ".opencode/**",
    ".cursor/**",
    ".agents/**",
)
DEFAULT_PROTECT = (
    ".github/workflows/**",
    ".github/actions/**",
    ".github/slipway.yml",
    ".github/slipway/**",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitmodules",
    ".gitattributes",
    ".lfsconfig",
    *AGENTS,
)


class Rules(Rule):
    """The whole configuration of a repository, with every default filled in."""

    version: Literal[1] = 1
    enabled: bool = True
    agent: AgentField = AgentRule()
    flows: dict[Name, FlowRule] = Field(default_factory=dict)
    prompts: dict[Role, Template] = Field(default_factory=dict)
    templates: dict[Role, str] = Field(default_factory=dict)
    labels: dict[str, Name] = Field(default_factory=lambda: dict(DEFAULT_LABELS))
    setup: SetupRule | None = None
    gates: tuple[GateRule, ...] = ()
    gates_policy: GatesPolicy = GatesPolicy()
    approval: ApprovalRule = ApprovalRule()
    limits: LimitsRule = LimitsRule()
    network: NetworkRule = NetworkRule()
    protect: tuple[str, ...] = DEFAULT_PROTECT
    unprotect: tuple[str, ...] = ()
    delivery: DeliveryRule = DeliveryRule()
    callbacks: tuple[CallbackRule, ...] = ()
    retry: dict[Class, RetryRule] = Field(default_factory=dict)
    commands: dict[str, Literal["read", "triage", "write", "maintain", "admin"]] = Field(default_factory=dict)
    forks: bool = False
    drafts: bool = False
    answers: Literal["reply", "react", "silent"] = "reply"
    replace: bool = False
    from_file: bool = False

    @model_validator(mode="after")
    def _everything_named_exists(self) -> Self:
        for label, flow in self.labels.items():
            if flow not in {**DEFAULT_FLOWS, **self.flows}:
                raise ValueError(f"label {label!r} names the flow {flow!r}, which is not defined")
        for step in (step for flow in self.flows.values() for step in flow.steps):
            if told := misfit(step.agent or self.agent, step):
                raise ValueError(told)
        names = [gate.name for gate in self.gates]
        if len(set(names)) != len(names):
            raise ValueError("two gates have the same name")
        return self

    def flow(self, name: str) -> FlowRule:
        """The flow of that name. Raises KeyError when there is none."""
        defaults = PROGRAM_FLOWS if self.agent.name in PROGRAMS else DEFAULT_FLOWS
        return {**defaults, **self.flows}[name]

    @property
    def flow_names(self) -> tuple[str, ...]:
        """Every flow there is: the built-in ones and the repository's own."""
        return tuple({**DEFAULT_FLOWS, **self.flows})

    def step(self, flow: str, name: str) -> StepRule:
        """The named step of a flow; the first one for an empty name."""
        order = self.flow(flow).order
        return next((step for step in order if step.name == name), order[0])

    def agent_of(self, step: StepRule, override: str | None) -> AgentRule:
        """Who works in a step: what the request says, else the step's own, else the repository's."""
        if override and override != self.agent.name:
            return AgentRule.model_construct(name=override)  # unchecked: a retry may name a program that the repository names no more
        return step.agent or self.agent

    def agents(self, admitted: Sequence[str] | None) -> list[str]:
        """The agents that may be asked for, of those the operator admits (None: of all): a program only where the repository names one."""
        return [name for name in (BUILT_IN_AGENTS if admitted is None else admitted) if name != COMMAND or self.agent.name == COMMAND]


def dumped(rules: Rules) -> dict[str, Any]:
    """The rules as plain JSON data, as they are stored with a run."""
    return rules.model_dump(mode="json")
