"""The engine: a loop and nothing else. Phase → event → `ledger.commit`, until the run is nobody's to hold."""

from jobs import convergence, deadline
from jobs import events as e
from jobs.errors import Fault, Interrupted, Reason
from jobs.model import HELD, Phase, Run
from jobs.phases import PHASES
from jobs.phases.deliver import kind
from jobs.ports import Ports


def walk(run: Run, ports: Ports) -> Run:
    """Advance a claimed run until it is final, waits or is parked; returns it as it then stands.

    Raises LeaseLost when another worker owns the run: nothing was touched after that.
    """
    wait = 0.0
    try:
        while run.state in HELD:
            event = turn(run, ports, wait)
            run = ports.ledger.commit(run, event)
            wait = event.delay if isinstance(event, e.Stumbled | e.SpawnFailed) else 0.0
    finally:
        ports.workspaces.dispose(run)
    return run


def turn(run: Run, ports: Ports, wait: float = 0.0) -> e.Event:
    """One phase after a wait, and what came of it. What ends the run comes before anything else, and in the middle of everything else."""
    while True:
        try:
            if wait:
                ports.clock.sleep(wait)
            return over(run, ports) or PHASES[run.phase](run, ports)
        except Interrupted:
            wait = 0.0
        except Fault as fault:
            return convergence.after_fault(run, fault, ports.clock.now())


def over(run: Run, ports: Ports) -> e.Event | None:
    """What ends the run now: somebody asked for it, or its time is up. Thread-safe, if the ports are.

    The request is looked up anew: it may have come after the last event was stored, and the next phase may be the one that delivers.
    A delivery of which something stands that is not taken back is finished, whoever asks, so that the record says what stands.
    """
    stop = run.stop_requested or ports.ledger.load(run.id).stop_requested
    now = ports.clock.now()
    late = deadline.left(run, now) <= 0
    if not stop and not late:
        return None
    if run.phase is Phase.DELIVER and ports.deliveries[kind(run)].stands(run):
        return None
    return e.Cancelled(Reason("stopped", stop)) if stop else e.GaveUp(deadline.passed(run, now))
