"""The agents as each host's keeper last found them, and what became of them since: an event, stored with what is different."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from infra.store import tallies
from infra.store.schema import agent_event, agent_probe
from infra.store.upsert import insert
from infra.store.work import now, read, write

KEPT_S = 86_400.0
"""How long an agent that is gone is missed, and a host that says nothing believed."""
EVENTS_KEPT_S = 90 * 86_400.0
COUNTED = "slipway_agent_events"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Became:
    """An event: what is different about an agent. `was` and `version` are what it was and is, `absent` and `broken` where it has none."""

    type: str
    was: str
    version: str


def became(before: Row | None, found: Row) -> Became | None:
    """What a look at an agent says that the last one did not; None where nothing is different. Pure."""
    was, state = before["state"] if before else "absent", found["state"]
    if state == was and (before is None or before["stamp"] == found["stamp"]):
        return None
    kind = {"absent": "AgentVanished", "broken": "AgentBroke"}.get(state) or {"absent": "AgentFound", "broken": "AgentMended"}.get(was)
    return Became(kind or "AgentChanged", before["version"] or was if before else was, found["version"] or state)


class SqlProbes:
    """One row for each host and agent. An agent that was never there has none."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, host: str, agent: str, **found: str) -> Became | None:
        """Keep what was `found` (state, version, stamp, text), and with it what became of the agent; None when it is as it was."""
        this = (agent_probe.c.host == host, agent_probe.c.agent == agent)

        def work(connection: sa.Connection) -> Became | None:
            row = connection.execute(sa.select(agent_probe).where(*this)).mappings().one_or_none()
            before = dict(row) if row else None
            event = became(before, found)
            if event is not None:
                _append(connection, host, agent, event, found["text"])
            if before is not None or found["state"] != "absent":
                _keep(connection, host, agent, found, same=before is not None and all(before[name] == found[name] for name in found))
            return event

        return write(self._engine, work)

    def forget(self) -> int:
        """Miss nothing any more that has been gone for a day, and believe no host that is silent for as long; old events go as well."""
        gone = sa.and_(agent_probe.c.state == "absent", agent_probe.c.since < now() - KEPT_S)
        silent = agent_probe.c.seen_at < now() - KEPT_S

        def work(connection: sa.Connection) -> int:
            connection.execute(sa.delete(agent_event).where(agent_event.c.at < now() - EVENTS_KEPT_S))
            return connection.execute(sa.delete(agent_probe).where(sa.or_(gone, silent))).rowcount

        return write(self._engine, work)

    def listing(self) -> list[dict[str, Any]]:
        """Every agent as it was last found, by name and host."""
        return read(self._engine, found_agents)

    def events(self, since_s: float, limit: int = 100) -> list[dict[str, Any]]:
        """What became of agents in the last `since_s` seconds, newest first."""
        return read(self._engine, lambda connection: agent_events(connection, since_s, limit))


def found_agents(connection: sa.Connection) -> list[dict[str, Any]]:
    """As `SqlProbes.listing`."""
    stored = sa.select(agent_probe).order_by(agent_probe.c.agent, agent_probe.c.host)
    return [dict(row) for row in connection.execute(stored).mappings()]


def agent_events(connection: sa.Connection, since_s: float, limit: int) -> list[dict[str, Any]]:
    """As `SqlProbes.events`."""
    lately = sa.select(agent_event).where(agent_event.c.at > now() - since_s).order_by(agent_event.c.seq.desc())
    return [dict(row) for row in connection.execute(lately.limit(limit)).mappings()]


def _append(connection: sa.Connection, host: str, agent: str, event: Became, text: str) -> None:
    told = {"type": event.type, "was": event.was, "version": event.version, "text": text}
    connection.execute(agent_event.insert().values(host=host, agent=agent, at=now(), **told))
    tallies.add(connection, {(COUNTED, (agent, event.type)): 1.0})


def _keep(connection: sa.Connection, host: str, agent: str, found: Mapping[str, str], *, same: bool) -> None:
    row = insert(connection, agent_probe).values(host=host, agent=agent, since=now(), seen_at=now(), **found)
    changed = {**found, "since": agent_probe.c.since if same else now(), "seen_at": now()}
    connection.execute(row.on_conflict_do_update(index_elements=["host", "agent"], set_=changed))
