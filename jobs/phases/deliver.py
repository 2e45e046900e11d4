"""deliver: the verified commit leaves, in one piece; what a failure means is the repository's choice of mode."""

from jobs import events as e
from jobs.errors import Refused
from jobs.evidence import kept
from jobs.model import Run
from jobs.ports import Ports


def deliver(run: Run, ports: Ports) -> e.Event:
    """Deliver by the manager of the asked kind. Modes: `required` fails the run, `best_effort` records, `disabled` keeps."""
    snapshot = run.snapshot
    if snapshot is None:
        raise RuntimeError("deliver without a snapshot")
    mode = run.rules.delivery.mode
    if mode == "disabled":
        return e.DeliverySkipped(kept(snapshot, "Delivery is disabled here: the commit is kept on this machine only."))
    try:
        receipt = ports.deliveries[kind(run)].deliver(run)
    except Refused as refused:
        if mode == "required":
            return e.DeliveryRefused(refused.reason, refused.evidence)
        return e.DeliverySkipped(kept(snapshot, f"Not delivered: {refused.reason.text}"))
    return e.ChecksAwaited(receipt) if run.rules.delivery.await_ci and receipt.kind == "github" else e.Delivered(receipt)


def kind(run: Run) -> str:
    """Which delivery manager takes the run out: what was asked for, else the repository's."""
    return run.request.deliver or ("local" if run.repository.installation == 0 else run.rules.delivery.kind)
