"""The engine: a loop and nothing else. Phase → event → `ledger.commit`, until the run is nobody's to hold."""

from jobs import convergence, deadline
from jobs import events as e
from jobs.errors import Fault, Reason
from jobs.model import HELD, Run
from jobs.phases import PHASES
from jobs.ports import Ports


def walk(run: Run, ports: Ports) -> Run:
    """Advance a claimed run until it is final, waits or is parked; returns it as it then stands.

    Raises LeaseLost when another worker owns the run: nothing was touched after that.
    """
    try:
        while run.state in HELD:
            event = turn(run, ports)
            run = ports.ledger.commit(run, event)
            if isinstance(event, e.Stumbled | e.SpawnFailed):
                ports.clock.sleep(event.delay)
    finally:
        ports.workspaces.dispose(run)
    return run


def turn(run: Run, ports: Ports) -> e.Event:
    """One phase, and what came of it. A stop request and the wall limit come before anything else.

    The request is looked up anew: it may have come after the last event was stored, and the next phase may be the one that delivers.
    """
    stop = run.stop_requested or ports.ledger.load(run.id).stop_requested
    if stop:
        return e.Cancelled(Reason("stopped", stop))
    if deadline.left(run, ports.clock.now()) <= 0:
        return e.GaveUp(deadline.passed(run))
    try:
        return PHASES[run.phase](run, ports)
    except Fault as fault:
        return convergence.after_fault(run, fault, ports.clock.now())
