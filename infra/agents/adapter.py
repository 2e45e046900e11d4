"""What an adapter is: how one kind of agent is started, and what its output says. Nothing in an adapter starts anything."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from infra.agents.notes import Note
from jobs.evidence import Ended, Failure, Tokens
from jobs.ports import Launch
from jobs.rules import READ_ONLY

WORKING = ("Read", "Grep", "Glob", "Edit", "Write", "Bash")
INSIDE = "/slipway"
"""Where the sandbox shows what belongs to one launch: the brief, the place for the result, files of the adapter."""


class Metered(Protocol):
    """What the broker counted."""

    @property
    def requests(self) -> int:
        """How many requests were let through."""
        ...

    @property
    def tokens(self) -> Tokens:
        """The tokens the provider says it used."""
        ...

    @property
    def by_model(self) -> Mapping[str, Tokens]:
        """The same, by the model that was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """A way to a model through the broker: its socket, a token that is worth nothing anywhere else, and what was used."""

    socket: Path
    token: str
    meter: Metered | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program: the words that start it, and what has to be seen inside for it to work."""

    argv: tuple[str, ...]
    read_only: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What an adapter may build its command from. `model_url` and `token` are empty for an agent without a model.

    `session` is a conversation of the agent's own with which it is to go on; None is a new one.
    """

    program: Program
    model_url: str = ""
    token: str = ""
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """How to start an agent. `files` are written by us and seen read-only at the given paths inside."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """How a launch ended, the last it said on standard error, and what the sandbox knows of it (see `Captured`)."""

    ended: Ended
    exit_code: int | None
    stderr: str = ""
    note: str = ""
    outside: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an agent's own output says about a launch. `failure` is what the agent itself admits to, or leaves to be concluded."""

    failure: Failure | None = None
    session_id: str | None = None
    version: str | None = None
    model: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    tool_calls: tuple[str, ...] = ()
    summary: str = ""


CHANGING = frozenset(("Edit", "Write", "Bash"))
READERS = ("planner", "reviewer")
"""Roles that look and do not touch: their checkout is read-only, and so are their tools unless the step names others."""
OPEN_END = Failure("agent_killed", "The agent was ended before it said that it was done.")
"""An event stream without its closing event."""


def reads_only(launch: Launch) -> bool:
    """Whether the step may change nothing: by its role, or because no tool of its own could."""
    return launch.step.role in READERS or CHANGING.isdisjoint(tools_of(launch))


def tools_of(launch: Launch) -> tuple[str, ...]:
    """The tools the step may use, by the names of the configuration."""
    if launch.step.tools is not None:
        return launch.step.tools
    return READ_ONLY if launch.step.role in READERS else WORKING


class Adapter(Protocol):
    """One kind of agent."""

    @property
    def program(self) -> str:
        """The name of the program to look for; empty when there is nothing to be installed."""
        ...

    @property
    def install(self) -> str:
        """The command that installs it, for the sentence that says it is missing."""
        ...

    @property
    def version(self) -> tuple[str, ...]:
        """The arguments that make it print its version; none when it has no version."""
        ...

    @property
    def minimum(self) -> tuple[int, ...]:
        """The oldest version this adapter was tried with."""
        ...

    @property
    def provider(self) -> str | None:
        """Whose models it uses; None when it brings its own or needs none."""
        ...

    @property
    def memory(self) -> str:
        """The directory inside in which it keeps its conversations; empty for an agent that cannot go on with one."""
        ...

    def start(self, launch: Launch, setting: Setting) -> Start:
        """The command for a launch. The prompt goes to standard input and is none of its business."""
        ...

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """What `lines` of standard output come to. Never raises, whatever they are."""
        ...

    def notes(self, line: str) -> Iterator[Note]:
        """What one line of standard output says was done or said. Never raises, whatever it is; nothing for a line that says nothing."""
        ...
