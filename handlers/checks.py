"""Checks: the buttons of our own, and CI that ends on a commit somebody waits for."""

import re

from handlers.anew import anew
from handlers.events import ButtonPressed, ChecksMoved, SuiteRerequested
from handlers.facts import Facts, Need
from handlers.intents import CiMoved, FixById, Ignore, Intent, RetryByCommit, RetryById, StopById
from handlers.requests import login, source

_RUN = re.compile(r"([0-9a-f]{32})(?::\d+)?")
BUTTONS = ("stop", "retry", "fix")
NEEDS = (Need.TURNED_AWAY,)


def run_of(event: ButtonPressed) -> str | None:
    """The id of the run that the check is about; None for a check that is none of ours."""
    match = _RUN.fullmatch(event.run_id)
    return match[1] if match else None


def on_button(event: ButtonPressed, facts: Facts) -> list[Intent]:
    """A button of our check run; `external_id` is the id of the run, perhaps with its attempt."""
    run = run_of(event)
    if run is None:
        return [Ignore("the check run names no run of ours")]
    asked = source(event, facts, "rerequest")
    match event.button:
        case "stop":
            return [StopById(run, event.repository, login(event), f"{login(event)} pressed Stop.")]
        case "retry" if facts.turned_away:
            return anew(event, facts)
        case "retry":
            return [RetryById(run, event.repository, asked, event.key)]
        case "fix":
            return [FixById(run, event.repository, asked, event.key, event.sha)]
        case _:
            return [Ignore(f"there is no button {event.button[:40]!r}")]


def on_suite(event: SuiteRerequested, facts: Facts) -> list[Intent]:
    """All checks of a commit again: ours is the newest run on it, or those that its configuration turned away."""
    if facts.turned_away:
        return anew(event, facts)
    return [RetryByCommit(event.sha, event.repository, source(event, facts, "rerequest"), event.key)]


def on_moved(event: ChecksMoved, facts: Facts) -> list[Intent]:
    """CI on a commit came to an end."""
    return [CiMoved(event.repository, event.sha)]
