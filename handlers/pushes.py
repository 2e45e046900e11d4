"""Branches that moved: what the next run begins from can be fetched before anybody asks for it."""

from handlers.events import Pushed
from handlers.facts import Facts
from handlers.intents import FetchAhead, Ignore, Intent


def on_pushed(event: Pushed, facts: Facts) -> list[Intent]:
    """Only the default branch: nearly every run begins there."""
    if event.branch != event.repository.default_branch:
        return [Ignore("a push to another branch than the default one")]
    return [FetchAhead(event.repository, event.branch)]
