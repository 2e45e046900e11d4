"""A retry of what was turned away before it began: it was never admitted, so it is asked for anew, and the configuration read again."""

from dataclasses import replace

from handlers.events import Asked, ButtonPressed, CommandGiven, Options, SuiteRerequested
from handlers.facts import Facts
from handlers.intents import Ignore, Intent, ShowAgain, StartRun
from handlers.requests import Wish, admissible, misconfigured, source
from jobs.model import ItemKind, Run, RunRequest

TURNED_AWAY_KEY = "{key}:{number}"
"""Several items may have been turned away by one commit; each is asked for once by one press."""


def anew(event: Asked, facts: Facts) -> list[Intent]:
    """A run for each that was turned away, or once more why there is none; said on the item it was asked for on."""
    return [intent for one in facts.turned_away for intent in _again(_on_item(event, one.run), replace(facts, item=one.item), one.run)]


def _again(event: Asked, facts: Facts, run: Run) -> list[Intent]:
    if facts.item is None:
        return [Ignore("the item it was asked for on is gone")]
    trigger = "command" if isinstance(event, CommandGiven) else "rerequest"
    asked = replace(source(event, facts, trigger), url=run.request.source.url)
    again = replace(run.request, intent_key=event.key, source=asked, retry_of=run.id)
    if facts.mistakes:
        return misconfigured(event, facts, again, _shown_on(event) or facts.config_at)
    found = admissible(event, facts, facts.item, _wish(event, again), again)
    told: list[Intent] = [StartRun(found)] if isinstance(found, RunRequest) else found
    return [ShowAgain(run.id), *told] if _shown_on(event) else told


def _on_item(event: Asked, run: Run) -> Asked:
    item, number = run.request.source.item, run.request.source.number or 0
    return replace(event, number=number, kind=item, key=TURNED_AWAY_KEY.format(key=event.key, number=number))


def _wish(event: Asked, again: RunRequest) -> Wish:
    """What is asked for now. Whoever has the check of a pull request's head run again vouches for the commit it stands on."""
    vouched = _shown_on(event) if event.kind is ItemKind.PULL else None
    return Wish(again.flow, event.key, "rerequest", Options(agent=again.agent, budget=again.cost_usd, sha=vouched), again.instructions)


def _shown_on(event: Asked) -> str | None:
    return event.sha if isinstance(event, ButtonPressed | SuiteRerequested) else None
