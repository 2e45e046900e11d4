"""The agents as each host's keeper last found them."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from infra.store.schema import agent_probe
from infra.store.upsert import insert
from infra.store.work import now, read, write

KEPT_S = 86_400.0
"""How long an agent that is gone is missed, and a host that says nothing believed."""


class SqlProbes:
    """One row for each host and agent. An agent that was never there has none."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, host: str, agent: str, **found: str) -> Mapping[str, Any] | None:
        """Keep what was `found` (state, version, stamp, text); the row as it was before, None when there was none."""
        this = (agent_probe.c.host == host, agent_probe.c.agent == agent)

        def work(connection: sa.Connection) -> Mapping[str, Any] | None:
            before = connection.execute(sa.select(agent_probe).where(*this)).mappings().one_or_none()
            if before is None and found["state"] == "absent":
                return None
            same = before is not None and all(before[name] == value for name, value in found.items())
            since = agent_probe.c.since if same else now()
            row = insert(connection, agent_probe).values(host=host, agent=agent, since=now(), seen_at=now(), **found)
            changed = {**found, "since": since, "seen_at": now()}
            connection.execute(row.on_conflict_do_update(index_elements=["host", "agent"], set_=changed))
            return dict(before) if before else None

        return write(self._engine, work)

    def forget(self) -> int:
        """Miss nothing any more that has been gone for a day, and believe no host that is silent for as long."""
        gone = sa.and_(agent_probe.c.state == "absent", agent_probe.c.since < now() - KEPT_S)
        silent = agent_probe.c.seen_at < now() - KEPT_S
        return write(self._engine, lambda connection: connection.execute(sa.delete(agent_probe).where(sa.or_(gone, silent))).rowcount)

    def listing(self) -> list[dict[str, Any]]:
        """Every row, by host and agent."""
        stored = sa.select(agent_probe).order_by(agent_probe.c.host, agent_probe.c.agent)
        return read(self._engine, lambda connection: [dict(row) for row in connection.execute(stored).mappings()])
