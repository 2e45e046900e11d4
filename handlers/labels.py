"""Labels: one that names a flow starts a run, and taking `slipway:running` off stops it."""

from handlers.events import Labeled, Unlabeled
from handlers.facts import Facts, Need
from handlers.intents import Ignore, Intent, StopRun
from handlers.requests import Wish, start
from jobs.messages import LABELS

NEEDS = (Need.RULES, Need.ITEM, Need.LABEL_EVENT)


def flow_of(event: Labeled, facts: Facts) -> str | None:
    """The flow the label names; None for a label that is not ours. Case means nothing in a label of GitHub's."""
    flows = {label.casefold(): flow for label, flow in facts.rules.labels.items()}
    return flows.get(event.label.casefold())


def wish(event: Labeled, facts: Facts) -> Wish:
    """What the label asks for; its key is the same from whatever source the label becomes known.

    A GitHub that does not list the event leaves the webhook itself as the key, which is the same for each redelivery.
    """
    return Wish(flow_of(event, facts) or "implement", f"label:{event.repository.id}:{facts.label_event or event.delivery}", "label")


def on_labeled(event: Labeled, facts: Facts) -> list[Intent]:
    """Start the flow, unless the world has moved on since: the issue as it stands now decides."""
    item = facts.item
    if item is None or not item.open:
        return [Ignore("the issue is not open any more")]
    if event.label.casefold() not in map(str.casefold, item.labels):
        return [Ignore(f"the label {event.label!r} is not on the issue any more")]
    return start(event, facts, wish(event, facts))


def on_unlabeled(event: Unlabeled, facts: Facts) -> list[Intent]:
    """A person took the label off that says a run is at work. We do it ourselves at the end of each, and word of that may come late."""
    sender, admitted = event.sender, facts.admitted
    if event.label.casefold() != LABELS["running"]:
        return [Ignore(f"the label {event.label!r} means nothing when it is taken off")]
    if sender and sender.id in admitted.own:
        return [Ignore("our own doing")]
    if sender and sender.bot and sender.id not in admitted.bots:
        return [Ignore(f"{sender.login} is a bot that the operator has not let in")]
    who = event.sender.login if event.sender else "Somebody"
    return [StopRun(event.repository, event.number, who, f"{who} took the label {event.label} off.")]
