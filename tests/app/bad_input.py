"""`python -m tests.app.bad_input`: every published payload with any one field removed, nulled or of another type, through the real door.

No answer is a 5xx, and nothing is dropped in silence: what is not taken in is answered so, and what is taken in ends as done, ignored or
dead, with its reason.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.webhook import Webhook
from handlers import routes
from handlers.facts import Admitted
from infra.store.schema import inbox
from jobs.model import Item, ItemKind, Repository
from tests.app.github_says import SECRET, Door, headers
from tests.app.reception import APP, OWN, Reception, reception
from tests.fakes.intake import FakeFacts
from tests.payloads.octokit import Example, examples

BATCH = 200
NUMBERS = itertools.count(10_000_000)
"""Ids that are new each time, so that nothing counts as told before."""
Path_ = tuple[str | int, ...]


class AnyFacts(FakeFacts):
    """A forge on which everybody may write and every item is open."""

    def permission(self, repository: Repository, actor: object) -> str:
        return "write"

    def item(self, repository: Repository, number: int) -> Item:
        return Item(ItemKind.ISSUE, number, "Greet", "please", open=True, author=5, labels=("slipway",))

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        return next(NUMBERS)


class Bell:
    """Nobody listens: the rows are taken in by one loop."""

    def ring_many(self, function: str, rows: object) -> None: ...


@dataclass
class Found:
    """What came of them."""

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def prepared(one: Example) -> dict[str, Any]:
    """The example, made to ask for something where its event can: a field that is wrong matters only where it is read."""
    payload = deepcopy(one.payload)
    match one.event, one.action:
        case "issues", "labeled":
            payload["label"]["name"] = "slipway"
        case "issue_comment", "created":
            payload["comment"]["body"] = "/slipway fix the greeting"
        case "pull_request_review_comment", "created":
            payload["comment"]["body"] = "/slipway fix the greeting"
        case "pull_request_review", "submitted":
            payload["review"]["body"] = "/slipway fix the greeting"
        case "check_run", _:
            payload["check_run"] |= {"external_id": "f" * 32, "app": {**payload["check_run"]["app"], "id": APP}}
    return payload


def places(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Every field of a payload, the outer ones first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*at, key)
        yield from places(part, (*at, key))


def otherwise(value: Any) -> Any:
    """Something of another type."""
    return {"not": "this"} if isinstance(value, str | int | float | bool) or value is None else "not this"


def changed(payload: dict[str, Any], at: Path_, how: str) -> dict[str, Any]:
    """A copy of the payload with that one field wrong, about a comment nobody heard of before."""
    copy = deepcopy(payload)
    for told in ("comment", "review"):
        if told in copy:
            copy[told]["id"] = next(NUMBERS)
    holder: Any = copy
    for key in at[:-1]:
        holder = holder[key]
    if how == "removed":
        del holder[at[-1]]
    else:
        holder[at[-1]] = None if how == "null" else otherwise(holder[at[-1]])
    return copy


def inputs(every: int, *, handled: bool) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each `every`-th of them: what is wrong, the event, the payload. With `handled` only of events that are read."""
    chosen = (one for one in examples() if not handled or (one.event, one.action) in routes.ROUTES)
    ready = ((one, prepared(one)) for one in chosen)
    wrong = ((one, payload, at, how) for one, payload in ready for at in places(payload) for how in ("removed", "null", "another type"))
    for one, payload, at, how in islice(wrong, 0, None, every):
        yield f"{one.event}.{one.action} #{one.number}: {'.'.join(map(str, at))} {how}", one.event, changed(payload, at, how)


def hear(root: Path, told: Iterable[tuple[str, str, dict[str, Any]]]) -> Found:
    """Send them all, take in what was accepted, and look at what became of it."""
    found = Found()
    admitted = Admitted(app=APP, own=frozenset({OWN}), item_per_hour=10_000, actor_per_hour=10_000)
    house = reception(root, forge=AnyFacts(), admitted=admitted)
    webhook = Webhook([SECRET], house.inbox, Bell())
    door = Door(webhook)
    left = iter(told)
    while batch := list(islice(left, BATCH)):
        _one_batch(house, door, batch, found)
    with house.engine.connect() as connection:
        rows = connection.execute(sa.select(inbox.c.event, inbox.c.state, inbox.c.reason)).all()
    found.states.update(state for _, state, _ in rows)
    found.problems += [f"a row of {event} ended as {state}: {why}" for event, state, why in rows if state == "pending" or not why]
    webhook.close()
    house.engine.dispose()
    return found


def _one_batch(house: Reception, door: Door, told: list[tuple[str, str, dict[str, Any]]], found: Found) -> None:
    bodies = [json.dumps(payload).encode() for _, _, payload in told]
    answers = door.post_all((body, headers(event, body, app=str(APP))) for (_, event, _), body in zip(told, bodies, strict=True))
    for (name, _, _), answer in zip(told, answers, strict=True):
        found.sent += 1
        verdict = answer.json().get("status", "refused")
        found.answers[f"{answer.status_code} {verdict}"] += 1
        if answer.status_code not in (202, 400):
            found.problems.append(f"{name}: answered {answer.status_code}")
    for row in house.inbox.due(10 * BATCH):
        try:
            house.intake.handle(row)
        except Exception as error:  # noqa: BLE001 - a bug is what is looked for
            found.problems.append(f"row {row}: {type(error).__name__}: {error}")


def main() -> int:
    """Hear all of them and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--every", type=int, default=1, help="only each N-th")
    options.add_argument("--handled", action="store_true", help="only of the events that are read")
    given = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
        found = hear(Path(folder), inputs(given.every, handled=given.handled))
    print(f"sent        {found.sent}")
    print(f"answered    {dict(found.answers)}")
    print(f"ended       {dict(found.states)}")
    print(f"problems    {len(found.problems)}", *found.problems[:50], sep="\n            ")
    print(f"took        {time.monotonic() - began:.0f} s")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
