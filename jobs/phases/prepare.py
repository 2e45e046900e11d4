"""prepare: a clean checkout of the right commit, and an agent that is really there."""

from dataclasses import replace

from jobs.errors import Reason
from jobs.events import Event, GaveUp, Prepared
from jobs.model import Run
from jobs.ports import Ports
from jobs.rules import StepRule, misfit


def prepare(run: Run, ports: Ports) -> Event:
    """Check the agent first (it is cheap and often the mistake), then make the checkout."""
    told = next(filter(None, (misfit(run.rules.agent_of(step, run.request.agent), step) for step in _flow(run))), None)
    if told:
        return GaveUp(Reason("config_invalid", f"{told[0].upper()}{told[1:]}."))
    ports.agents.check(run.rules.agent_of(run.current, run.request.agent))
    based = replace(run, base_sha=run.base_sha or ports.workspaces.base_of(run))
    checkout = ports.workspaces.prepare(based)
    return Prepared(base=checkout.base)


def _flow(run: Run) -> tuple[StepRule, ...]:
    return run.rules.flow(run.request.flow).order
