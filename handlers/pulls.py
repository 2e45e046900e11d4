"""Issues and pull requests that end: nobody needs the work on them any more."""

from handlers.events import ItemClosed
from handlers.facts import Facts
from handlers.intents import Intent, StopRun


def on_closed(event: ItemClosed, facts: Facts) -> list[Intent]:
    """Stop what runs or waits on the item."""
    who = event.sender.login if event.sender else "Somebody"
    return [StopRun(event.repository, event.number, who, f"The item was {event.how} by {who}.")]
