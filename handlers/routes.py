"""What is handled: which deliveries are read and how, and who decides about what was read.

The App's manifest, `app.yml`, subscribes to exactly these events; a test holds the two equal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from handlers import checks, comments, installations, labels, parsing, pulls, pushes
from handlers.commands import COMMANDS, commands, commands_beside, commands_in_review, on_command
from handlers.events import (
    ButtonPressed,
    ChecksMoved,
    CommandGiven,
    Event,
    InstallationMoved,
    ItemClosed,
    Labeled,
    Mistyped,
    Pushed,
    Remark,
    SuiteRerequested,
    Unlabeled,
)  # fmt: skip
from handlers.facts import Facts, Need
from handlers.intents import Intent
from handlers.payloads import Malformed

E = TypeVar("E", bound=Event)
Parser = Callable[[str, bytes], Sequence[Event]]

ROUTES: Mapping[tuple[str, str | None], Parser] = {
    ("issues", "labeled"): parsing.labeled,
    ("issues", "unlabeled"): parsing.unlabeled,
    ("issues", "closed"): parsing.issue_closed,
    ("issues", "deleted"): parsing.issue_deleted,
    ("issues", "transferred"): parsing.issue_transferred,
    ("issue_comment", "created"): commands,
    ("pull_request_review_comment", "created"): commands_beside,
    ("pull_request_review", "submitted"): commands_in_review,
    ("pull_request", "closed"): parsing.pull_closed,
    ("pull_request", "unlabeled"): parsing.pull_unlabeled,
    ("check_run", "rerequested"): parsing.check_rerequested,
    ("check_run", "requested_action"): parsing.button_pressed,
    ("check_suite", "rerequested"): parsing.suite_rerequested,
    ("check_suite", "completed"): parsing.suite_completed,
    ("status", None): parsing.status_moved,
    ("push", None): parsing.pushed,
    ("workflow_run", "completed"): parsing.workflow_completed,
    ("installation", "deleted"): parsing.installation_moved,
    ("installation", "suspend"): parsing.installation_moved,
    ("installation", "unsuspend"): parsing.installation_moved,
    ("installation_repositories", "added"): parsing.selection_moved,
    ("installation_repositories", "removed"): parsing.selection_moved,
}
EVENTS = frozenset(event for event, _ in ROUTES)
ALWAYS_SENT = frozenset({"installation", "installation_repositories"})
"""GitHub sends these to every App; a manifest that asks for them is refused."""


@dataclass(frozen=True, slots=True)
class Handler(Generic[E]):
    """Who decides about one type of event, and the facts that takes."""

    event: type[E]
    handle: Callable[[E, Facts], list[Intent]]
    needs: tuple[Need, ...] = ()


HANDLERS: tuple[Handler[Any], ...] = (
    Handler(Labeled, labels.on_labeled, labels.NEEDS),
    Handler(Unlabeled, labels.on_unlabeled, (Need.OWN,)),
    Handler(CommandGiven, on_command),
    Handler(Mistyped, comments.mistyped, (Need.RULES,)),
    Handler(Remark, comments.remark),
    Handler(ItemClosed, pulls.on_closed),
    Handler(ButtonPressed, checks.on_button, checks.NEEDS),
    Handler(SuiteRerequested, checks.on_suite, checks.NEEDS),
    Handler(ChecksMoved, checks.on_moved),
    Handler(Pushed, pushes.on_pushed),
    Handler(InstallationMoved, installations.on_installation),
)
_BY_EVENT: Mapping[type[Event], Handler[Any]] = {handler.event: handler for handler in HANDLERS}


def handles(event: str, action: str | None) -> bool:
    """Whether a delivery is worth keeping. One of ours that lacks its action is: what is wrong with it is said later."""
    return (event, action) in ROUTES or (action is None and event in EVENTS)


def parse(event: str, action: str | None, delivery: str, body: bytes) -> Sequence[Event]:
    """The events in a delivery. Raises Malformed."""
    parser = ROUTES.get((event, action))
    if parser is None:
        raise Malformed(f"there is no {event} with the action {action!r}")
    return parser(delivery, body)


def needs(event: Event) -> tuple[Need, ...]:
    """The facts `decide` reads for the event."""
    return COMMANDS[event.command].needs if isinstance(event, CommandGiven) else _BY_EVENT[type(event)].needs


def decide(event: Event, facts: Facts) -> list[Intent]:
    """What is to be done about an event that every guard has let in."""
    return _BY_EVENT[type(event)].handle(event, facts)
