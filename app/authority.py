"""Asks again, just before the work leaves, whether whoever asked for it still may."""

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.facts import Forge
from jobs.errors import Refused
from jobs.model import Run

ROLES: Mapping[str, int] = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
OPERATORS = frozenset({"cli", "api", "schedule"})
"""Triggers that only somebody with the keys of this installation can pull."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`delivery.github.Authority` by the forge's own answer of the moment."""

    forge: Forge

    def may_deliver(self, run: Run) -> None:
        """Return if the actor may still write. Raises Refused(`not_authorised`), or Fault when there is no answer."""
        actor = run.request.source.actor
        if run.request.source.trigger in OPERATORS:
            return
        if actor is None:
            raise Refused("not_authorised", "Nobody stands behind this run any more: ask for it again.")
        role = self.forge.permission(run.repository, actor)
        if ROLES.get(role, 0) < ROLES["write"]:
            text = f"{actor.login} may not write to {run.repository.full_name} any more (role: {role}). Somebody who may can ask again."
            raise Refused("not_authorised", text)
