"""Askings as they come in, for tests of what becomes of them."""

from dataclasses import replace
from typing import Any, TypeVar

from handlers.commands import understood
from handlers.events import CommandGiven, Event, Labeled, Mistyped, Remark, Sender
from handlers.facts import Admitted, Facts
from jobs.model import Item, ItemKind, Recent, Repository
from jobs.rules import Rules

REPOSITORY = Repository(42, "acme/greeter", 7)
ANN = Sender(1001, "ann")
OWN, APP = 99, 4711
ISSUE = Item(
    ItemKind.ISSUE, 7, "Greet in French", "please", open=True, author=5, labels=("slipway",), url="https://github.example/acme/greeter/7"
)
HEAD = "a1b2c3d4" * 5
PULL = replace(
    ISSUE, kind=ItemKind.PULL, number=8, head_sha=HEAD, head_ref="topic", head_repository=42, base_ref="main", labels=()
)  # fmt: skip
ADMITTED = Admitted(app=APP, own=frozenset({OWN}))
E = TypeVar("E", bound=Event)


def facts(**changes: Any) -> Facts:
    """Everything is well: Ann may write, nothing runs, the defaults apply."""
    known = Facts(admitted=ADMITTED, rules=Rules(), permission="write", item=ISSUE, label_event=555, recent=Recent(0, 0, 100))
    return replace(known, **changes)


def _on_item(**changes: Any) -> dict[str, Any]:
    common = {
        "delivery": "d-1", "repository": REPOSITORY, "sender": ANN, "number": 7, "kind": ItemKind.ISSUE, "key": "comment:42:900:0",
        "title": "Greet in French", "body": "please", "url": "https://github.example/acme/greeter/7#c", "comment": 900, "said": "",
    }  # fmt: skip
    return {**common, **changes}


def labeled(label: str = "slipway", **changes: Any) -> Labeled:
    common = _on_item(key="labeled:42:7:d-1", label=label, **changes)
    return Labeled(**{key: value for key, value in common.items() if key not in ("comment", "said")})


def command(line: str, **changes: Any) -> CommandGiven:
    name, options, text, free = understood(line)
    return CommandGiven(**_on_item(command=name, options=options, free=free, said=text, **changes))


def on_pull(line: str, **changes: Any) -> CommandGiven:
    return command(line, number=8, kind=ItemKind.PULL, **changes)


def remark(said: str = "use tabs", **changes: Any) -> Remark:
    return Remark(**_on_item(said=said, **changes))


def mistyped(answer: str = "no such thing", **changes: Any) -> Mistyped:
    return Mistyped(**_on_item(answer=answer, **changes))
