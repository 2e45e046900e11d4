"""Branches that moved: what the next run begins from can be fetched before anybody asks for it."""

from handlers.events import Pushed
from handlers.facts import Facts
from handlers.intents import FetchAhead, ForgetShared, Ignore, Intent
from jobs.config import HOME


def on_pushed(event: Pushed, facts: Facts) -> list[Intent]:
    """Only the default branch: nearly every run begins there, and configurations are read from it."""
    if event.branch != event.repository.default_branch:
        return [Ignore("a push to another branch than the default one")]
    shared = [ForgetShared(event.repository.installation)] if event.repository.full_name.endswith(f"/{HOME}") else []
    return [*shared, FetchAhead(event.repository, event.branch)]
