"""One kept delivery, from its bytes to what was done about it: parse, guards, decide, perform, and the row's end.

A row always ends as done, ignored or dead, with its reason, or comes back later; a crash anywhere lets it be taken up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from app.acting import Asking, Came
from app.catching_up import VERIFIED_BY
from app.knowledge import Knowledge, Sources
from app.perform import Perform
from handlers import routes
from handlers.events import Asked, CommandGiven, Event, Unlabeled
from handlers.guards import GUARDS, least, turned_away
from handlers.intents import Intent
from handlers.payloads import Malformed
from handlers.requests import react, thread
from infra.store.inbox import InboxRow
from jobs.errors import Fault, Refused
from jobs.model import Repository

log = structlog.get_logger("slipway.intake")
FIRST_S, MOST_S = 10.0, 3600.0
FORGOTTEN = "a run of it is on GitHub that this store does not know, since a backup was restored: ask again if it is to be done anew"
MOST_REASON = 1_000
BUG = "A bug in Slipway interrupted this. The log has it under the delivery's id; replay it once it is mended."


class Inbox(Protocol):
    """Where deliveries wait."""

    def claim(self, row_id: int) -> InboxRow | None:
        """Take the row up; None when there is nothing to do. Too many times, and it is dead."""
        ...

    def finish(self, row: InboxRow, state: str, reason: str | None, run_id: str | None = None, *, scope: str | None = None) -> bool:
        """Say what became of it."""
        ...

    def later(self, row: InboxRow, delay_s: float, reason: str) -> bool:
        """Put it back for a while."""
        ...


class Memory(Protocol):
    """What was carried out before, by the key of the asking."""

    def done(self, key: str) -> bool:
        """Whether it was."""
        ...

    def close(self, key: str, scope: str, number: int) -> bool:
        """It was."""
        ...

    def stop(self, repository: Repository, number: int, comment: int) -> None:
        """That comment said to stop what runs on the item: an earlier one that comes later starts nothing."""
        ...


@dataclass(slots=True)
class _Came:
    """What a delivery came to so far."""

    parts: list[Came] = field(default_factory=list)
    scope: str | None = None

    @property
    def state(self) -> str:
        return "done" if any(not part.idle for part in self.parts) else "ignored"

    @property
    def reason(self) -> str:
        """What was done; without that, why nothing was."""
        told = [part.text for part in self.parts if not part.idle] or [part.text for part in self.parts]
        return "; ".join(dict.fromkeys(told))[:MOST_REASON] or "there was nothing in it"

    @property
    def run(self) -> str | None:
        return next((part.run for part in self.parts if part.run), None)


@dataclass(frozen=True, slots=True)
class Intake:
    """Works on rows of the inbox."""

    inbox: Inbox
    memory: Memory
    sources: Sources
    perform: Perform

    def handle(self, row_id: int) -> None:
        """Work on one row, if nobody else does. A bug rises, once the row says so."""
        row = self.inbox.claim(row_id)
        if row is None:
            return
        known = row.delivery
        with structlog.contextvars.bound_contextvars(delivery=known.delivery, github_event=known.event, action=known.action):
            self._end(row)

    def _end(self, row: InboxRow) -> None:
        came = _Came()
        try:
            self._work(row, came)
        except Malformed as error:
            self._bury(row, came, f"{error}"[:MOST_REASON])
        except Refused as refused:
            self._bury(row, came, refused.reason.text)
        except Fault as fault:
            self._put_back(row, fault)
        except Exception:
            self._bury(row, came, BUG)
            raise
        else:
            self.inbox.finish(row, came.state, came.reason, came.run, scope=came.scope)
            log.info("intake", verdict=came.state, why=came.reason, run=came.run, scope=came.scope)

    def _work(self, row: InboxRow, came: _Came) -> None:
        known = row.delivery
        events = routes.parse(known.event, known.action, known.delivery, known.body)
        knowledge = self.sources.about(row)
        for event in events:
            came.scope = _scope(event)
            came.parts += self._asked(event, knowledge, row) if isinstance(event, Asked) else self._told(event, knowledge)

    def _told(self, event: Event, knowledge: Knowledge) -> list[Came]:
        """Nobody asked: there is nobody to refuse, and nobody to answer."""
        facts = knowledge.of(event, routes.needs(event)) if isinstance(event, Unlabeled) else knowledge.facts
        return self.perform.carry_out(routes.decide(event, facts), Asking())

    def _asked(self, event: Asked, knowledge: Knowledge, row: InboxRow) -> list[Came]:
        if self.memory.done(event.key):
            return [Came("it was carried out before", idle=True)]
        if self._forgotten(event, row):
            return [Came(FORGOTTEN, idle=True)]
        intents, admitted = _decided(event, knowledge)
        facts = knowledge.facts
        rules = None if facts.mistakes else facts.rules
        unheard, answered_in = react(event, "confused"), thread(event)
        asking = Asking(event.repository, event.number, event.key, unheard, answered_in, rules, facts.mistakes)
        came = self.perform.carry_out(intents, asking)
        if admitted and isinstance(event, CommandGiven) and event.command == "stop" and event.order is not None:
            self.memory.stop(event.repository, event.number, event.order)
        if admitted:
            self.memory.close(event.key, event.repository.scope, event.number)
        knowledge.forget()
        return came

    def _forgotten(self, event: Asked, row: InboxRow) -> bool:
        """Whether GitHub's list told us of it, and GitHub shows its run as well: a backup was restored, and it would be doubled."""
        told = row.delivery
        listed = told.verified_by == VERIFIED_BY and event.number is not None
        return listed and self.perform.voice.answered(event.repository, event.number, told.delivery)

    def _bury(self, row: InboxRow, came: _Came, why: str) -> None:
        """Dead, with its reason, until somebody replays it: what came to nothing is never silent."""
        self.inbox.finish(row, "dead", why, came.run, scope=came.scope)
        log.error("intake", verdict="dead", why=why, run=came.run, scope=came.scope)

    def _put_back(self, row: InboxRow, fault: Fault) -> None:
        """The world may behave better later; how often that is believed is the inbox's to say."""
        delay = fault.retry_after or min(FIRST_S * 3.0 ** (row.tries - 1), MOST_S)
        self.inbox.later(row, delay, fault.reason.text)
        log.warning("intake", verdict="later", why=fault.reason.text, reason=fault.reason.code, delay=delay)


def _decided(event: Asked, knowledge: Knowledge) -> tuple[Sequence[Intent], bool]:
    """The intents, and whether every guard let the asking in."""
    for guard in GUARDS:
        refusal = guard.check(event, knowledge.of(event, guard.needs))
        if refusal is not None:
            facts = knowledge.of(event, routes.needs(event) if refusal.recorded else ())
            return turned_away(event, facts, refusal), False
    facts = knowledge.of(event, routes.needs(event))
    return routes.decide(event, replace(facts, needed=least(event, facts))), True


def _scope(event: Event) -> str | None:
    repository = getattr(event, "repository", None)
    return repository.scope if isinstance(repository, Repository) else None
