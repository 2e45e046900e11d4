"""What the operator says about every repository's configuration: defaults below it, floors it cannot lower, keys it may set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, ValidationError

from jobs.config import ConfigInvalid, Mistake
from jobs.rules import GatesPolicy, LimitsRule, Rule, Rules

Permission = Literal["read", "triage", "write", "maintain", "admin"]
PERMISSIONS: tuple[Permission, ...] = ("read", "triage", "write", "maintain", "admin")
MODES = ("deny", "allowlist", "allow")


class Floors(Rule):
    """The operator's bounds. A repository that asks for more is told so; where it says nothing, the bound applies."""

    gates_required: bool = False
    approval_plan: bool = False
    draft: bool = False
    forks: bool = True
    drafts: bool = True
    network: Literal["deny", "allowlist", "allow"] = "allow"
    hosts: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    protect: tuple[str, ...] = ()
    limits: dict[str, Any] = Field(default_factory=dict)
    commands: dict[str, Permission] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's word; the empty one changes nothing."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    floors: Floors = field(default_factory=Floors)
    allow_keys: tuple[str, ...] | None = None

    def mistakes(self) -> list[str]:
        """What is wrong with the policy itself, one sentence each."""
        unknown = sorted(set(self.allow_keys or ()) - Rules.model_fields.keys())
        found = [f"allow_keys: {key!r} is not a key of a repository's configuration" for key in unknown]
        found += _wrong("floors.limits", LimitsRule, self.floors.limits)
        return found or _wrong("defaults", Rules, self.defaults) or self._unusable_default()

    def _unusable_default(self) -> list[str]:
        agent, allowed = Rules.model_validate(self.defaults).agent.name, self.floors.agents
        if allowed is None or agent in allowed:
            return []
        return [f"floors.agents: the default agent is {agent!r}, which is not among them: set defaults.agent"]

    def apply(self, repository: Rules | None, shared: Rules | None = None) -> Rules:
        """The rules a run gets: what the repository wrote (None: it has no file), over the defaults, within the floors.

        `shared` is what its owner has for all of theirs; it lies between the two. Raises ConfigInvalid with every way in which the
        repository asked for more than it may.
        """
        below = _merged(self.defaults, _written(shared, but=("version", "from_file")))
        asked = _written(repository)
        mistakes = [*self._forbidden(asked), *(rule for check in CHECKS for rule in check(self.floors, asked))]
        if mistakes:
            raise ConfigInvalid(mistakes)
        return Rules.model_validate(_within(self.floors, _merged(below, asked)))

    def _forbidden(self, asked: Mapping[str, Any]) -> Iterator[Mistake]:
        if self.allow_keys is None:
            return
        for key in sorted(asked.keys() - {*self.allow_keys, "version", "from_file"}):
            yield Mistake(0, key, "the operator of this server does not let repositories set this key; remove it")


def _written(rules: Rules | None, but: Sequence[str] = ()) -> dict[str, Any]:
    """What a file says itself, without the defaults it leaves to us."""
    said = rules.model_dump(mode="json", exclude_unset=True) if rules else {}
    return {key: value for key, value in said.items() if key not in but}


def _wrong(where: str, model: type[Rule], data: Mapping[str, Any]) -> list[str]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [f"{'.'.join((where, *map(str, one['loc'])))}: {one['msg']}" for one in error.errors(include_url=False, include_input=False)]
    return []


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins; mappings are merged, lists are replaced whole."""
    both = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            both[key] = _merged(below[key], above[key])
    return both


def _within(floors: Floors, data: dict[str, Any]) -> dict[str, Any]:
    """Where nobody asked for anything, the bound takes the place of the built-in default."""
    rules = Rules.model_validate(data)
    limits = rules.limits.model_dump() | {key: _least(getattr(rules.limits, key), most) for key, most in _ceilings(floors).items()}
    network = rules.network if _allows(floors.network, rules.network.mode) else {"mode": floors.network, "hosts": floors.hosts or ()}
    return {
        **rules.model_dump(exclude_unset=True),
        "limits": limits,
        "network": network,
        "protect": tuple(dict.fromkeys((*rules.protect, *floors.protect))),
        "gates_policy": GatesPolicy(required=floors.gates_required or rules.gates_policy.required),
        "approval": rules.approval.model_copy(update={"plan": rules.approval.plan or floors.approval_plan}),
        "delivery": rules.delivery.model_copy(update={"draft": rules.delivery.draft or floors.draft}),
        "commands": rules.commands | {name: _stricter(rules.commands.get(name), least) for name, least in floors.commands.items()},
    }


def _least(asked: Any, most: Any) -> Any:
    return most if asked is None else min(asked, most)


def _ceilings(floors: Floors) -> dict[str, Any]:
    return LimitsRule.model_validate(floors.limits).model_dump(exclude_unset=True)


def _allows(most: str, mode: str) -> bool:
    return MODES.index(mode) <= MODES.index(most)


def _stricter(asked: Permission | None, least: Permission) -> Permission:
    return least if asked is None else max(asked, least, key=PERMISSIONS.index)


def _limits(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    for key, most in _ceilings(floors).items():
        value = asked.get("limits", {}).get(key)
        if value is not None and value > most:
            yield Mistake(0, f"limits.{key}", f"the operator allows at most {most:g}; lower it")


def _network(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    for where in ("network", "setup"):
        part = asked.get(where) or {}
        network = part if where == "network" else part.get("network", {})
        if not _allows(floors.network, network.get("mode", "deny")):
            yield Mistake(0, where, f"the operator allows at most the network mode {floors.network!r}; lower it")
        for host in sorted(set(network.get("hosts", ())) - set(floors.hosts if floors.hosts is not None else network.get("hosts", ()))):
            yield Mistake(0, where, f"the operator does not allow the host {host!r}; remove it")


def _agents(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    if floors.agents is None:
        return
    steps = [step for flow in asked.get("flows", {}).values() for step in flow["steps"]]
    named = [part["agent"].get("name", "claude") for part in (asked, *steps) if part.get("agent")]
    for name in sorted(set(named) - set(floors.agents)):
        yield Mistake(0, "agent", f"the operator does not allow the agent {name!r}; use one of {', '.join(floors.agents)}")


def _switches(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    if asked.get("forks") and not floors.forks:
        yield Mistake(0, "forks", "the operator does not allow work on forks; remove it")
    if asked.get("drafts") and not floors.drafts:
        yield Mistake(0, "drafts", "the operator does not allow work on the drafts of others; remove it")
    if floors.draft and asked.get("delivery", {}).get("draft") is False:
        yield Mistake(0, "delivery.draft", "the operator wants every pull request to be a draft; remove it")
    if floors.approval_plan and asked.get("approval", {}).get("plan") is False:
        yield Mistake(0, "approval.plan", "the operator wants every plan to be approved; remove it")


def _protected(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    """A pattern can cover more than it says, so that only patterns that are protected by name, and not by a floor, may be let go."""
    if not floors.protect:
        return
    free = {*Rules().protect, *asked.get("protect", ())} - set(floors.protect)
    for pattern in sorted(set(asked.get("unprotect", ())) - free):
        yield Mistake(0, "unprotect", f"the operator protects paths that {pattern!r} may cover; remove it")


def _commands(floors: Floors, asked: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, least in floors.commands.items():
        value = asked.get("commands", {}).get(name)
        if value is not None and PERMISSIONS.index(value) < PERMISSIONS.index(least):
            yield Mistake(0, f"commands.{name}", f"the operator wants at least the permission {least!r} for it; raise it")


CHECKS: tuple[Callable[[Floors, Mapping[str, Any]], Iterator[Mistake]], ...] = (
    _limits, _network, _agents, _switches, _protected, _commands,
)  # fmt: skip
