"""Delivery to a repository on this machine: branch and record in one atomic push, so there are both or neither."""

from collections.abc import Callable
from dataclasses import dataclass

from delivery.manager import Remote
from delivery.plan import Plan, plan
from jobs.errors import Refused
from jobs.evidence import Receipt
from jobs.model import Run
from jobs.ports import Effects

Where = Callable[[Run], str]
"""The path of the repository a run is delivered to. Raises Refused(`push_refused`) when there is none for it."""


def record_ref(run: Run) -> str:
    """The ref that holds a run's record."""
    return f"refs/slipway/{run.id}"


@dataclass(frozen=True, slots=True)
class LocalDeliveryManager:
    """Leaves the verified commit on a branch, and beside it what a forge would keep in a pull request."""

    remote: Remote
    effects: Effects
    where: Where

    def deliver(self, run: Run) -> Receipt:
        """The push is repeatable as it is; the effect row says what was meant, should it be found half told.

        Raises Refused when the repository did not take it (neither branch nor record is there then), or Fault.
        """
        made = plan(run)
        effect = self.effects.intend(run, "record", record_ref(run))
        if not effect.done:
            self._send(run, made)
            self.effects.done(run, effect, {"ref": made.ref, "sha": made.sha, "record": record_ref(run)})
        return Receipt("local", made.branch, made.sha, made.base_sha)

    def stands(self, run: Run) -> bool:
        """Whether branch and record are there."""
        return any(effect.done for effect in self.effects.of(run.id) if (effect.kind, effect.key) == ("record", record_ref(run)))

    def _send(self, run: Run, made: Plan) -> None:
        """The push; if an earlier delivery stands there that the store does not know any more, in the place of that one."""
        to, record = self.where(run), record_ref(run)
        try:
            self.remote.push_record(run, made.ref, made.sha, record, made.record, to=to)
        except Refused as refused:
            left = self.remote.left(run, made.ref, record, to=to) if refused.reason.code == "head_moved" else None
            if left is None:
                raise
            self.effects.intend(run, "record", record)  # who sleeps while another delivers finds this too, and stops here
            self.remote.push_record(run, made.ref, made.sha, record, made.record, to=to, over=left)

    def retract(self, run: Run) -> None:
        """Remove branch and record of a delivery whose run is over without it; both stay if somebody moved the branch."""
        rows = {(effect.kind, effect.key): effect for effect in self.effects.of(run.id)}
        gone = rows.get(("retract", record_ref(run)))
        if ("record", record_ref(run)) not in rows or (gone and gone.done):
            return
        made = plan(run)
        effect = self.effects.intend(run, "retract", record_ref(run))
        self.remote.delete_record(run, made.ref, record_ref(run), only_at=made.sha, to=self.where(run))
        self.effects.done(run, effect, {"ref": made.ref, "sha": made.sha})
