"""Everything intake touches outside the store, in memory: a forge that knows roles, items and configurations, and a board."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from jobs import config
from jobs.errors import Fault
from jobs.model import Actor, Item, Repository, Run
from jobs.rules import Rules


@dataclass
class FakeFacts:
    """`handlers.facts.Forge`, `Hearing` and `Configs` in one. `away` is raised by every read while it is set."""

    roles: dict[str, str] = field(default_factory=lambda: {"ann": "write", "mia": "maintain"})
    items: dict[int, Item] = field(default_factory=dict)
    label_events: dict[tuple[int, str], int] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text: str | None = None
    away: Fault | None = None
    asked: list[str] = field(default_factory=list)

    def hearing(self, heard: object) -> "FakeFacts":
        return self

    def repository(self, repository: Repository) -> Repository:
        return repository

    def permission(self, repository: Repository, actor: Actor) -> str:
        self._here("permission")
        return self.roles.get(actor.login, "read")

    def config(self, repository: Repository) -> str | None:
        self._here("config")
        return self.text

    def defaults(self, repository: Repository) -> str | None:
        return None

    def read(self, repository: Repository) -> Rules:
        text = self.config(repository)
        return Rules() if text is None else config.read(text)

    def tip(self, repository: Repository) -> str | None:
        self._here("tip")
        return "5" * 40

    def item(self, repository: Repository, number: int) -> Item:
        self._here("item")
        return self.items[number]

    def own(self, repository: Repository) -> frozenset[int]:
        return frozenset({99})

    def teams(self, repository: Repository, actor: Actor, names: Collection[str]) -> frozenset[str]:
        self._here("teams")
        return frozenset(name for name in names if actor.login in self.members.get(name, ()))

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        self._here("label_event")
        return self.label_events.get((number, label))

    def put_label(self, number: int, label: str) -> None:
        item = self.items[number]
        self.items[number] = replace(item, labels=(*item.labels, label))
        self.label_events[(number, label)] = 500 + len(self.label_events)

    def _here(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise self.away


@dataclass
class FakeBoard:
    """Comments and reactions. `refuse` is raised by every write while it is set."""

    comments: list[tuple[int, int, str]] = field(default_factory=list)
    reactions: list[tuple[int, int | None, str]] = field(default_factory=list)
    beside: list[tuple[int, str]] = field(default_factory=list)
    """Answers in threads beside lines, by the comment each began with."""
    refuse: Fault | None = None
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        self._may()
        if (number, comment, content) not in self.reactions:
            self.reactions.append((number, comment, content))

    def find_comment(self, repository: Repository, number: int, marker: str, *, beside: bool = False) -> int | None:
        if beside:
            return next((at for at, (_, body) in enumerate(self.beside, 1) if marker in body), None)
        return next((one for one, where, body in self.comments if where == number and marker in body), None)

    def comment(self, repository: Repository, number: int, body: str, *, thread: int | None = None) -> int:
        self._may()
        if thread is not None:
            self.beside.append((thread, body))
            return len(self.beside)
        self.comments.append((next(self.ids), number, body))
        return self.comments[-1][0]

    def said(self, number: int) -> list[str]:
        """What was said on an item, without the marks."""
        return [body.partition("\n\n<!-- slipway:said=")[0] for _, where, body in self.comments if where == number]

    def _may(self) -> None:
        if self.refuse:
            raise self.refuse


@dataclass
class FakeRinging:
    """Remembers every bell."""

    rung: list[tuple[str, str]] = field(default_factory=list)

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        self.rung.append((function, str(row)))


@dataclass
class FakeCi:
    """Remembers whose checks were looked at."""

    looked: list[str] = field(default_factory=list)

    def look(self, run: Run) -> None:
        self.looked.append(run.id)
