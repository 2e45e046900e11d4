"""build: the agent works. First the launch is written down, then it happens, then what came of it is told apart."""

from dataclasses import replace

from jobs import briefs, budget, deadline
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import AgentResult, Ended, Failure, Finding
from jobs.model import Run
from jobs.ports import Launch, Ports
from jobs.rules import AgentRule


def build(run: Run, ports: Ports) -> e.Event:
    """`Launched` before the process starts; on the next turn the launch itself."""
    step = run.current
    agent = run.rules.agent_of(step, run.request.agent)
    if not run.launched:
        return _begun(run, agent, ports)
    brief = briefs.gathered(run, ports)
    timeout = deadline.left(run, ports.clock.now())
    launch = Launch(run, step, agent, brief, briefs.prompt(brief), ports.workspaces.prepare(run), timeout, run.rules.limits.idle)
    result = ports.agents.launch(launch)
    if result.ended is Ended.STOPPED:
        why = ports.ledger.load(run.id).stop_requested or "The run was stopped."
        return e.Cancelled(Reason("stopped", why))
    return judged(run, result)


def _begun(run: Run, agent: AgentRule, ports: Ports) -> e.Event:
    """The launch is written down, unless the run cannot pay for it: for anything any more, or for so long a prompt."""
    over = budget.exhausted(run)
    if over:
        return e.GaveUp(over)
    price = ports.agents.price(agent)
    estimate = budget.estimated(briefs.prompt(briefs.gathered(run, ports)), price) if price else None
    over = budget.unaffordable(run, estimate) if estimate else None
    return e.GaveUp(over) if over else e.Launched(run.current.name, run.iteration, agent.name, estimate)


def judged(run: Run, result: AgentResult) -> e.Event:
    """What a launch that ran to its end comes to, by the role of its step."""
    if result.failure:
        return e.BuildFailed(result, (_told(result.failure),))
    match run.current.role:
        case "planner":
            return _planned(result)
        case "reviewer":
            return _reviewed(run, result)
        case _:
            return e.Built(result)


def _planned(result: AgentResult) -> e.Event:
    plan = result.body or result.summary
    if not plan.strip():
        return _failed(result, "bad_result", "The planner ended without a plan (`body` or `summary` of its result).")
    return e.Planned(result, plan)


def _reviewed(run: Run, result: AgentResult) -> e.Event:
    if result.decision == "approve":
        return e.ReviewApproved(result)
    if result.decision == "reject":
        comments = result.body or result.summary or "The reviewer gave no comment."
        to = run.current.on_reject or next((step.name for step in run.rules.flow(run.request.flow).order if step.role == "implementer"), "")
        return e.ReviewRejected(result, (Finding("review", comments),), to or run.current.name)
    said = f"{result.decision!r}" if result.decision else "nothing"
    return _failed(result, "unknown_decision", f"The reviewer's decision has to be 'approve' or 'reject'; it said {said}.")


def _failed(result: AgentResult, code: str, text: str) -> e.Event:
    failure = Failure(code, text)
    return e.BuildFailed(replace(result, failure=failure), (_told(failure),))


def _told(failure: Failure) -> Finding:
    return Finding(failure.code, failure.text)
