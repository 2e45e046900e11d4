"""prepare: a clean checkout of the right commit, and an agent that is really there."""

from dataclasses import replace

from jobs.events import Event, Prepared
from jobs.model import Run
from jobs.ports import Ports


def prepare(run: Run, ports: Ports) -> Event:
    """Check the agent first (it is cheap and often the mistake), then make the checkout."""
    ports.agents.check(run.rules.agent_of(run.current, run.request.agent))
    based = replace(run, base_sha=run.base_sha or ports.workspaces.base_of(run))
    checkout = ports.workspaces.prepare(based)
    return Prepared(base=checkout.base)
