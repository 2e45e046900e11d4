"""The keeper's look at the agents of its host: a program that changed, broke or vanished is said before a run finds out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

log = structlog.get_logger("slipway.agents")
SAID = {
    "AgentFound": "an agent is installed",
    "AgentChanged": "an agent's program is another one",
    "AgentBroke": "an agent cannot work any more",
    "AgentMended": "an agent can work again",
    "AgentVanished": "an agent is gone",
}
"""What became of an agent, in words; the keys are the types of the stored events."""


class Probe(Protocol):
    """An agent as it was found."""

    @property
    def agent(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def stamp(self) -> str: ...
    @property
    def text(self) -> str: ...


class Looks(Protocol):
    """Looks for agents."""

    def found(self) -> Sequence[Probe]:
        """Each as it is now."""
        ...


class Event(Protocol):
    """What became of an agent."""

    @property
    def type(self) -> str: ...
    @property
    def was(self) -> str: ...
    @property
    def version(self) -> str: ...


class Probes(Protocol):
    """The record of what was found."""

    def note(self, host: str, agent: str, **found: str) -> Event | None:
        """Keep it, and the event where something is different; that event."""
        ...

    def forget(self) -> int:
        """Remove what is of no use any more."""
        ...


@dataclass(frozen=True, slots=True)
class LookAtAgents:
    """A duty on each host."""

    looks: Looks
    probes: Probes
    host: str

    def __call__(self) -> object:
        """Look, keep what was found, log what is different; says what is there."""
        found = self.looks.found()
        for probe in found:
            self._note(probe)
        self.probes.forget()
        return [f"{probe.agent} {probe.version or probe.state}" for probe in found if probe.state != "absent"]

    def _note(self, probe: Probe) -> None:
        told = {"state": probe.state, "version": probe.version, "stamp": probe.stamp, "text": probe.text}
        event = self.probes.note(self.host, probe.agent, **told)
        if event is not None:
            say = log.info if probe.state == "ok" else log.warning
            say(SAID[event.type], event_type=event.type, agent=probe.agent, was=event.was, now=event.version, text=probe.text)


def unwell(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with the agents that were found, in a sentence; None when nothing is."""
    bad = [f"{row['agent']} on {row['host']} is {row['state']}: {row['text']}" for row in rows if row["state"] != "ok"]
    return " ".join(bad) or None
