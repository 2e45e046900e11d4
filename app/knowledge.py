"""Fetches the facts that guards and handlers name, each when it is first needed and once for a delivery."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from handlers.checks import run_of
from handlers.events import Asked, ButtonPressed, CommandGiven, Commented, Labeled, Sender, SuiteRerequested, Unlabeled
from handlers.facts import Admitted, Facts, Forge, Need, TurnedAway
from handlers.payloads import decode
from infra.local_forge import Heard
from infra.store.inbox import InboxRow
from jobs.config import ConfigInvalid, Mistake
from jobs.errors import Refused
from jobs.model import Recent, Repository, Run
from jobs.rules import Rules


class Configs(Protocol):
    """The repositories' configurations."""

    def read(self, repository: Repository) -> Rules:
        """The rules of a repository within this server's policy. Raises ConfigInvalid with every mistake, Fault without an answer."""
        ...


class Hearing(Protocol):
    """A forge, some of whose repositories are known only by what their webhooks say."""

    def hearing(self, heard: Heard) -> Forge:
        """The same forge, for a decision on that webhook."""
        ...


class Active(Protocol):
    """The runs at work."""

    def active_on(self, repository_id: int, number: int) -> Run | None:
        """The run that works or waits on an item."""
        ...


class Earlier(Protocol):
    """The runs that were turned away before they began."""

    def turned_away(
        self, repository_id: int, *, run_id: str | None = None, sha: str | None = None, number: int | None = None
    ) -> Sequence[Run]:
        """That one; or those shown on the commit, or of the item, which are the newest of their items."""
        ...


class Asks(Protocol):
    """What was asked lately."""

    def recent(self, key: str, repository: Repository, number: int, actor: int) -> Recent:
        """Count this asking (once by its key), and how many others came from the actor and on the item."""
        ...

    def stopped(self, repository: Repository, number: int, comment: int) -> bool:
        """Whether a comment with a higher id said to stop what runs on the item."""
        ...


VOLATILE = frozenset({Need.ACTIVE, Need.RECENT, Need.STOPPED, Need.TURNED_AWAY})
"""What the carrying out of one command changes for the next one of the same comment."""


@dataclass(slots=True)
class Knowledge:
    """What is known for one delivery. Made anew for each."""

    forge: Forge
    configs: Configs
    runs: Active
    earlier: Earlier
    asks: Asks
    facts: Facts
    fetched: frozenset[Need] = frozenset()

    def of(self, event: Asked | Unlabeled, needs: Iterable[Need]) -> Facts:
        """The facts, with at least those. Raises Fault when one is not to be had: doubt is no."""
        for need in needs:
            if need not in self.fetched:
                self.facts = self._fetch(event, need)
                self.fetched |= {need}
        return self.facts

    def forget(self) -> None:
        """Something was done; what it may have changed is looked at again."""
        self.fetched -= VOLATILE

    def _fetch(self, event: Asked | Unlabeled, need: Need) -> Facts:  # noqa: C901 - one case a need, and no more than that
        repository, number, sender = event.repository, event.number, event.sender
        found: Mapping[str, Any]
        match need:
            case Need.OWN:
                found = {"admitted": replace(self.facts.admitted, own=self.forge.own(repository))}
            case Need.ACTIVE:
                found = {"active": self.runs.active_on(repository.id, number) is not None}
            case Need.TEAMS:
                found = {"teams": self._teams(repository, sender)}
            case Need.RULES:
                found = self._rules(repository)
            case Need.PERMISSION:
                found = {"permission": self._permission(repository, sender)}
            case Need.ITEM:
                found = {"item": self.forge.item(repository, number)}
            case Need.LABEL_EVENT:
                found = {"label_event": self.forge.label_event(repository, number, event.label if isinstance(event, Labeled) else "")}
            case Need.TURNED_AWAY:
                found = {"turned_away": tuple(self._turned_away(event))}
            case Need.RECENT:
                key = event.key if isinstance(event, Asked) else ""
                found = {"recent": self.asks.recent(key, repository, number, sender.id if sender else 0)}
            case Need.STOPPED:
                said = event.order if isinstance(event, Commented) else None
                found = {"stopped": said is not None and self.asks.stopped(repository, number, said)}
        return replace(self.facts, **found)

    def _turned_away(self, event: Asked | Unlabeled) -> Iterator[TurnedAway]:
        for run in self._never_begun(event):
            try:
                yield TurnedAway(run, self.forge.item(event.repository, run.request.source.number or 0))
            except Refused:
                yield TurnedAway(run, None)

    def _never_begun(self, event: Asked | Unlabeled) -> Sequence[Run]:
        at = event.repository.id
        match event:
            case ButtonPressed(button="retry") if run := run_of(event):
                return self.earlier.turned_away(at, run_id=run)
            case SuiteRerequested(sha=sha):
                return self.earlier.turned_away(at, sha=sha)
            case CommandGiven(command="retry", number=number):
                return self.earlier.turned_away(at, number=number)
            case _:
                return ()

    def _permission(self, repository: Repository, sender: Sender | None) -> str:
        """Of a person by the forge; of a bot by the operator, who named it."""
        admitted = self.facts.admitted
        if sender is None:
            return "none"
        if sender.bot:
            return admitted.bot_role if sender.id in admitted.bots else "none"
        return self.forge.permission(repository, sender.actor)

    def _teams(self, repository: Repository, sender: Sender | None) -> frozenset[str]:
        named = self.facts.admitted.teams | self.facts.admitted.kept_out_teams
        return self.forge.teams(repository, sender.actor, named) if named and sender and not sender.bot else frozenset()

    def _rules(self, repository: Repository) -> Mapping[str, Any]:
        try:
            return {"rules": self.configs.read(repository), "mistakes": ()}
        except ConfigInvalid as invalid:
            mistakes = invalid.mistakes
        except Refused as refused:
            if refused.reason.code != "config_invalid":
                raise
            mistakes = (Mistake(0, "", refused.reason.text),)  # no file, so nothing in it
        return {"rules": Rules(), "mistakes": mistakes, "config_at": self.forge.tip(repository)}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts come from."""

    forge: Hearing
    configs: Configs
    runs: Active
    earlier: Earlier
    asks: Asks
    admitted: Admitted

    def about(self, row: InboxRow) -> Knowledge:
        """Nothing known yet but what the webhook says of itself."""
        forge = self.forge.hearing(Heard(row.id, decode(row.delivery.body, dict[str, Any])))
        return Knowledge(forge, self.configs, self.runs, self.earlier, self.asks, Facts(admitted=self.admitted))
