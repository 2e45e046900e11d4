"""next: the following step of the flow, a person's yes where one is asked for, or the way out."""

from jobs import events as e
from jobs.model import Run
from jobs.ports import Ports


def onward(run: Run, ports: Ports) -> e.Event:
    """What comes after the step that just ended."""
    order = [step.name for step in run.rules.flow(run.request.flow).order]
    following = order[order.index(run.current.name) + 1 :]
    if run.current.role == "planner" and not run.approved and _asks(run):
        return e.ApprovalAsked(ports.clock.now() + run.rules.approval.expires)
    if following:
        return e.StepStarted(following[0])
    verified = run.snapshot is not None and run.verified is not None and run.verified.passed
    return e.FlowFinished() if verified else e.FinishedWithoutChange()


def _asks(run: Run) -> bool:
    return run.rules.approval.plan or run.request.flow == "plan"
