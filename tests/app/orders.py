"""`python -m tests.app.orders`: related webhooks in every order.

What comes of them depends on what is so, and on what was said last, and not on what is heard last.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice, permutations
from pathlib import Path
from typing import Any

from handlers.facts import Admitted
from jobs.model import Item, ItemKind, Run
from tests.app.reception import APP, OWN, Reception, issue, payload, reception

Told = tuple[str, Mapping[str, Any]]
COMMENTS = count(10_000)
EVERYBODY = Admitted(app=APP, own=frozenset({OWN}), item_per_hour=10_000, actor_per_hour=10_000)


def label(number: int, action: str = "labeled", name: str = "slipway") -> Told:
    return "issues", payload(action, issue=issue(number), label={"name": name})


def says(number: int, body: str) -> Told:
    comment = {"id": next(COMMENTS), "body": body, "html_url": "https://github.example/c"}
    return "issue_comment", payload("created", issue=issue(number), comment=comment)


def closes(number: int) -> Told:
    return "issues", payload("closed", issue=issue(number))


def asked_twice(number: int) -> Sequence[Told]:
    """The label on, off and on again, told under two ids; and a command. It is on now."""
    return label(number), label(number, "unlabeled"), label(number), label(number), says(number, "/slipway fix the typo")


def closed_in_the_end(number: int) -> Sequence[Told]:
    """A label, two commands, and then the issue was closed."""
    return label(number), says(number, "/slipway run it"), says(number, "/slipway fix it"), closes(number), label(number, "unlabeled")


def stopped_in_the_end(number: int) -> Sequence[Told]:
    """Two commands, words to whatever runs, and the last one says to stop."""
    earlier = says(number, "/slipway run it"), says(number, "please use tabs"), says(number, "/slipway status")
    return *earlier, says(number, "/slipway fix it"), says(number, "/slipway stop")


def stopped_and_asked_again(number: int) -> Sequence[Told]:
    """A command, a stop, and another command after it."""
    return says(number, "/slipway run it"), says(number, "/slipway stop"), says(number, "/slipway fix it"), says(number, "hm")


def asked(runs: Sequence[Run]) -> object:
    return sorted((run.request.source.trigger, run.request.flow) for run in runs)


def at_work(runs: Sequence[Run]) -> object:
    return sorted(run.request.flow for run in runs if not run.is_final)


STORIES: Mapping[str, tuple[Callable[[int], Sequence[Told]], bool, Callable[[Sequence[Run]], object]]] = {
    "asked twice": (asked_twice, True, asked),
    "closed in the end": (closed_in_the_end, False, asked),
    "stopped in the end": (stopped_in_the_end, True, at_work),
    "stopped and asked again": (stopped_and_asked_again, True, at_work),
}
"""Each with whether its issue is open now, and what has to be the same in every order."""


def differing(root: Path, name: str, *, every: int = 1) -> tuple[int, list[tuple[int, ...]]]:
    """How many orders were tried (each `every`-th), and those that came to something else than the order in which it happened."""
    story, open_, look = STORIES[name]
    house = reception(root, admitted=EVERYBODY)
    came = look(_heard(house, 1_000, story(1_000), open_=open_))
    tried, wrong = 0, []
    for tried, order in enumerate(islice(permutations(range(len(story(0)))), 0, None, every), 1):
        told = story(1_000 + tried)
        if look(_heard(house, 1_000 + tried, [told[place] for place in order], open_=open_)) != came:
            wrong.append(order)
    house.engine.dispose()
    return tried, wrong


def _heard(house: Reception, number: int, told: Sequence[Told], *, open_: bool) -> list[Run]:
    """The runs of an issue of its own, once everything about it was heard in that order."""
    house.forge.items[number] = replace(ITEM, number=number, open=open_)
    house.forge.label_events[(number, "slipway")] = number
    for event, body in told:
        house.intake.handle(house.arrives(event, body))
    return [run for run in house.all_runs() if run.request.source.number == number]


ITEM = Item(ItemKind.ISSUE, 0, "Greet", "please", open=True, author=5, labels=("slipway",))


def main() -> int:
    """Try every order of every story, and print what came of it."""
    failed = False
    for name in STORIES:
        with tempfile.TemporaryDirectory(prefix="orders-") as folder:
            tried, wrong = differing(Path(folder), name)
        print(f"{name}: {tried} orders, {len(wrong)} that differ", *wrong)
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
