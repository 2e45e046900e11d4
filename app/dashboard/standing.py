"""Whether somebody who signed in with GitHub may do what a button does: by the guards that a comment of theirs would pass."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from app.knowledge import Knowledge
from handlers.events import CommandGiven, Sender
from handlers.guards import GUARDS
from jobs.model import Actor, ItemKind, Repository, Source


@dataclass(frozen=True, slots=True)
class Standing:
    """Asks GitHub each time. `knowledge` makes a new one for each asking."""

    knowledge: Callable[[], Knowledge]

    def refusal(self, command: str, repository: Repository, source: Source | None, actor: Actor) -> str | None:
        """Why the actor may not give this command there, in a sentence; None when they may. Raises Fault when nobody can tell."""
        asked, knowledge = _asked(command, repository, source, actor), self.knowledge()
        for guard in GUARDS:
            found = guard.check(asked, knowledge.of(asked, guard.needs))
            if found is not None:
                return f"{found.why[:1].upper()}{found.why[1:]}."
        return None


def _asked(command: str, repository: Repository, source: Source | None, actor: Actor) -> CommandGiven:
    return CommandGiven(
        delivery="",
        repository=repository,
        sender=Sender(actor.id, actor.login),
        number=(source.number if source else None) or 0,
        kind=source.item if source else ItemKind.ISSUE,
        key=f"dashboard:{secrets.token_hex(8)}",
        title="",
        body="",
        url=None,
        comment=0,
        said="",
        command=command,
    )
