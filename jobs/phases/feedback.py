"""feedback: findings become the next brief, unless `jobs.convergence` says that is enough."""

from jobs import convergence
from jobs.events import Event
from jobs.model import Run
from jobs.ports import Ports


def feedback(run: Run, ports: Ports) -> Event:
    """Again, or give up."""
    return convergence.after_findings(run, ports.clock.now())
