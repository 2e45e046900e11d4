"""verify: every gate on the snapshot commit; the service's own run of them is the only one that counts."""

from jobs import deadline, gates
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import GateReport
from jobs.model import Run
from jobs.ports import Ports
from jobs.rules import GateRule


def verify(run: Run, ports: Ports) -> e.Event:
    """The built-in gates first: they are cheap, and a change they refuse is not worth the repository's own."""
    snapshot = run.snapshot
    if snapshot is None:
        raise RuntimeError("verify without a snapshot")
    if run.rules.gates_policy.required and not run.rules.gates:
        return e.GaveUp(Reason("gates_required", "This server asks for gates, and `.github/slipway.yml` names none. Add `gates:` to it."))
    patch = ports.workspaces.patch(run, snapshot)
    built_in = gates.check(snapshot, run.rules, patch)
    if all(result.passed for result in built_in if result.name == gates.SECRETS):
        ports.artifacts.put(run.id, f"{run.turn}.diff", patch.encode())  # for people
    if not all(result.passed for result in built_in):
        return e.Rejected(GateReport(snapshot.tree, built_in))
    report = GateReport(snapshot.tree, (*built_in, *ports.gates.run(run, snapshot, _bounded(run, ports))))
    return e.Passed(report) if report.passed else e.Rejected(report)


def _bounded(run: Run, ports: Ports) -> tuple[GateRule, ...]:
    """The repository's gates, none of which is given more time than the run has: one that would take longer is named by its result."""
    left = max(1.0, deadline.left(run, ports.clock.now()))
    return tuple(rule.model_copy(update={"timeout": min(rule.timeout, left)}) for rule in run.rules.gates)
