"""Finds what GitHub tried to tell and could not, or told nobody: the list of deliveries, then labels and comments as they stand.

What is found goes into the inbox as if it had come by webhook; what is there already is not put in again.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from handlers import routes
from infra.store.inbox import Delivery
from jobs.errors import Fault, UserError
from jobs.model import Repository
from jobs.ports import Clock
from jobs.rules import Rules

log = structlog.get_logger("slipway.catching_up")
LISTED_S = 3 * 86_400.0
"""How far back GitHub's list goes."""
OVERLAP_S, SETTLED_S = 600.0, 60.0
"""Looked at again each time, since the list may lag; and left alone at first, since it may still be on its way."""
LOOK_BACK_S = 2 * 3600.0
VERIFIED_BY = "app_api"
"""Nobody signed these bytes: GitHub gave them to us when we asked as the App."""


class Listed(Protocol):
    """An attempt of GitHub to deliver a webhook."""

    @property
    def id(self) -> int:
        """The attempt's number."""
        ...

    @property
    def guid(self) -> str:
        """The delivery's id, the same at every attempt."""
        ...

    @property
    def event(self) -> str:
        """Its event."""
        ...

    @property
    def action(self) -> str | None:
        """Its action."""
        ...

    @property
    def delivered_at(self) -> float:
        """When it was tried."""
        ...


class Payload(Protocol):
    """What was sent."""

    @property
    def body(self) -> bytes:
        """The payload as JSON."""
        ...


class App(Protocol):
    """GitHub's side of the App."""

    @property
    def id(self) -> str:
        """The App's id."""
        ...

    def deliveries(self, since: float) -> Sequence[Listed]:
        """What was tried since then, newest first."""
        ...

    def delivery(self, number: int) -> Payload:
        """What was sent at an attempt. Raises Fault."""
        ...


class Inbox(Protocol):
    """Where webhooks are kept."""

    def insert(self, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
        """The id of each row and whether it is new."""
        ...

    def known(self, app: str, deliveries: Sequence[str]) -> set[str]:
        """Which of the ids have a row."""
        ...


@dataclass
class MissedDeliveries:
    """The first look goes back as far as GitHub's list does, each later one to a little before the last."""

    app: App
    inbox: Inbox
    clock: Clock
    _looked: float | None = field(default=None, init=False)

    def __call__(self) -> list[int]:
        """Put what is missing into the inbox; the ids of the new rows. Raises Fault when GitHub cannot be asked."""
        now = self.clock.now()
        listed = self.app.deliveries(now - LISTED_S if self._looked is None else self._looked - OVERLAP_S)
        wanted = {one.guid: one for one in listed if routes.handles(one.event, one.action) and one.delivered_at < now - SETTLED_S}
        missing = wanted.keys() - self.inbox.known(self.app.id, list(wanted))
        found = [row for guid in sorted(missing, key=lambda guid: wanted[guid].delivered_at) for row in self._fetched(wanted[guid])]
        self._looked = now
        return _new(self.inbox.insert(found))

    def _fetched(self, one: Listed) -> Iterator[Delivery]:
        try:
            body = self.app.delivery(one.id).body
        except Fault as fault:  # one that cannot be had keeps no other from being taken in
            log.warning("a missed delivery could not be fetched", delivery=one.guid, reason=fault.reason.text)
            return
        yield Delivery(self.app.id, one.event, one.guid, one.action, None, VERIFIED_BY, body)


class Seen(Protocol):
    """What stands at GitHub, in the shape of the webhook that would have told of it."""

    @property
    def event(self) -> str:
        """Its event."""
        ...

    @property
    def action(self) -> str:
        """Its action."""
        ...

    @property
    def delivery(self) -> str:
        """The same whenever it is found again."""
        ...

    @property
    def at(self) -> float:
        """When it came to be."""
        ...

    @property
    def body(self) -> bytes:
        """The payload as JSON."""
        ...


class Survey(Protocol):
    """Looks through one repository."""

    def labelled(self, repository: Repository, labels: Sequence[str]) -> Sequence[Seen]:
        """Open issues that carry one of the labels."""
        ...

    def commented(self, repository: Repository, since: float) -> Sequence[Seen]:
        """Comments written since then."""
        ...


class Reach(Protocol):
    """The repositories to look through, and what their labels mean."""

    def repositories(self) -> Sequence[Repository]:
        """All of them."""
        ...

    def rules(self, repository: Repository) -> Rules:
        """A repository's rules. Raises UserError or Fault when they cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class UntoldRequests:
    """Labels and commands that stand at GitHub and of which no webhook told, however long ago.

    Of what is new a webhook is likely on its way, and would be the second to tell: it is left for the next look.
    """

    app_id: str
    reach: Reach
    survey: Survey
    inbox: Inbox
    clock: Clock

    def __call__(self) -> list[int]:
        """Put what is found into the inbox; the ids of the new rows. One repository that cannot be looked at stops no other."""
        return [row for repository in self.reach.repositories() for row in self._of(repository)]

    def _of(self, repository: Repository) -> list[int]:
        now = self.clock.now()
        try:
            labels = sorted(self.reach.rules(repository).labels)
            seen = [*self.survey.labelled(repository, labels), *self.survey.commented(repository, now - LOOK_BACK_S)]
        except (Fault, UserError) as error:
            log.warning("a repository could not be looked through", repository=repository.full_name, reason=str(error))
            return []
        settled = (one for one in seen if one.at < now - SETTLED_S)
        rows = [Delivery(self.app_id, one.event, one.delivery, one.action, None, VERIFIED_BY, one.body) for one in settled]
        known = self.inbox.known(self.app_id, [row.delivery for row in rows])
        return _new(self.inbox.insert([row for row in rows if row.delivery not in known]))


def _new(stored: Collection[tuple[int, bool]]) -> list[int]:
    return [row for row, fresh in stored if fresh]
