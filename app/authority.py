"""Asks again, just before the work leaves, whether whoever asked for it still may."""

from dataclasses import dataclass

from handlers.admission import closed_to, kept_out, not_named
from handlers.facts import Admitted, Forge
from handlers.guards import ROLES
from jobs.errors import Refused
from jobs.model import Actor, Repository, Run

OPERATORS = frozenset({"cli", "api", "schedule"})
"""Triggers that only somebody with the keys of this installation can pull."""
LEAST = "write"
"""What it takes at least to have something pushed, whatever it took to ask."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`delivery.github.Authority` by the forge's own answer of the moment, and by the operator's lists as they are now."""

    forge: Forge
    admitted: Admitted

    def may_deliver(self, run: Run) -> None:
        """Return if the actor may still have it. Raises Refused(`not_authorised`), or Fault when there is no answer."""
        actor, at = run.request.source.actor, run.repository
        if run.request.source.trigger in OPERATORS:
            return
        if actor is None:
            raise Refused("not_authorised", "Nobody stands behind this run any more: ask for it again.")
        why = closed_to(at, self.admitted)
        if why:
            raise Refused("not_authorised", f"{why[0].upper()}{why[1:]}, so the change stays here. The operator can let it in.")
        self._is_let_in(at, actor)
        self._has_its_role(at, actor)

    def _is_let_in(self, at: Repository, actor: Actor) -> None:
        if actor.id in self.admitted.bots:
            return
        named = self.admitted.teams | self.admitted.kept_out_teams
        teams = self.forge.teams(at, actor, named) if named else frozenset()
        if kept_out(actor, self.admitted, teams) or not_named(actor, self.admitted, teams):
            text = f"This server does not listen to {actor.login} any more. Somebody it listens to can ask again."
            raise Refused("not_authorised", text)

    def _has_its_role(self, at: Repository, actor: Actor) -> None:
        """The role it took to ask for the run, and at least the one it takes to write."""
        needed = max(LEAST, actor.needed, key=ROLES.index)
        role = self.admitted.bot_role if actor.id in self.admitted.bots else self.forge.permission(at, actor)
        if role in ROLES and ROLES.index(role) >= ROLES.index(needed):
            return
        may = "may not write to" if needed == LEAST else f"does not have the role {needed} in"
        text = f"{actor.login} {may} {at.full_name} any more (role: {role}). Somebody who may can ask again."
        raise Refused("not_authorised", text)
