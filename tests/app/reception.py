"""Intake on a real store, with GitHub in memory: deliveries go in, and what became of them is looked at."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.acting import Acting, NoReview
from app.intake import Intake
from app.knowledge import Sources
from app.perform import Perform
from app.voice import Voice
from handlers.facts import Admitted
from infra.store.asked import SqlAsked
from infra.store.engine import open_store
from infra.store.finding import SqlFinding
from infra.store.inbox import Delivery, SqlInbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import run as run_table
from infra.store.values import run_of
from jobs.errors import Fault
from jobs.model import Item, ItemKind, Repository, Run
from tests.fakes.engine import FakeClock
from tests.fakes.intake import FakeBoard, FakeCi, FakeFacts, FakeRinging

OWN, APP = 99, 4711
HEAD = "a1b2c3d4" * 5
Through = Callable[[Any], Any]


def untouched(target: Any) -> Any:
    return target


@dataclass
class FakeMirrors:
    """What is kept of repositories here: the ones named by `here`. `no` is raised instead of fetching."""

    here: frozenset[int] = frozenset({42})
    no: Fault | None = None
    fetched: list[tuple[int, str]] = field(default_factory=list)

    def fetch_ahead(self, repository: Repository, branch: str) -> bool:
        if self.no:
            raise self.no
        self.fetched += [(repository.id, branch)] * (repository.id in self.here)
        return repository.id in self.here


@dataclass
class FakeShared:
    """Remembers whose owner's configuration was to be forgotten."""

    forgotten: list[int] = field(default_factory=list)

    def forget(self, installation: int) -> None:
        self.forgotten.append(installation)


@dataclass
class Reception:
    """The whole way in. `through` is put between intake and everything it calls."""

    engine: sa.Engine
    clock: FakeClock
    through: Through = untouched
    forge: FakeFacts = field(default_factory=FakeFacts)
    board: FakeBoard = field(default_factory=FakeBoard)
    bell: FakeRinging = field(default_factory=FakeRinging)
    ci: FakeCi = field(default_factory=FakeCi)
    mirrors: FakeMirrors = field(default_factory=FakeMirrors)
    shared: FakeShared = field(default_factory=FakeShared)
    admitted: Admitted = field(default_factory=lambda: Admitted(app=APP, own=frozenset({OWN}), item_per_hour=30))
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.inbox, self.runs, self.asked, self.finding = (
            SqlInbox(self.engine),
            SqlRuns(self.engine),
            SqlAsked(self.engine),
            SqlFinding(self.engine),
        )
        self.reading = SqlReading(self.engine)
        self.forge.items[7] = Item(ItemKind.ISSUE, 7, "Greet", "please", open=True, author=5)
        self.forge.items[8] = Item(
            ItemKind.PULL, 8, "Topic", "a change", open=True, author=5, head_sha=HEAD, head_ref="topic", head_repository=42, base_ref="main"
        )

    @property
    def intake(self) -> Intake:
        through = self.through
        sources = Sources(
            through(self.forge), through(self.forge), through(self.runs), through(self.finding), through(self.asked), self.admitted
        )
        voice = Voice(through(self.board), through(self.asked))
        acting = Acting(through(self.runs), through(self.finding), self.bell, NoReview())
        perform = Perform(acting, voice, self.ci, lambda run: f"https://slipway.example/runs/{run}", self.mirrors, self.shared)
        return Intake(through(self.inbox), through(self.asked), sources, perform)

    def arrives(self, event: str, payload: Mapping[str, Any], delivery: str | None = None) -> int:
        """A delivery is in the inbox."""
        body, known = json.dumps(payload).encode(), delivery or f"d-{next(self.numbers)}"
        row = Delivery(str(APP), event, known, payload.get("action"), "203.0.113.9", "secret:0", body)
        return self.inbox.insert([row])[0][0]

    def hears(self, event: str, payload: Mapping[str, Any], delivery: str | None = None) -> dict[str, Any]:
        """A delivery arrives and is worked on; its row afterwards."""
        row = self.arrives(event, payload, delivery)
        self.intake.handle(row)
        return self.row(row)

    def row(self, row_id: int) -> dict[str, Any]:
        return next(row for row in self.inbox.listing() if row["id"] == row_id)

    def all_runs(self) -> list[Run]:
        with self.engine.connect() as connection:
            return [run_of(row) for row in connection.execute(sa.select(run_table).order_by(run_table.c.created_at, run_table.c.id))]


def reception(tmp_path: Path, **changes: Any) -> Reception:
    clock = FakeClock()
    return Reception(open_store(tmp_path, clock=clock, check=False), clock, **changes)


def user(login: str = "ann", **changes: Any) -> dict[str, Any]:
    ids = {"ann": 1001, "mia": 1002, "eve": 1003, "slipway[bot]": OWN, "robot[bot]": 1004}
    return {"id": ids[login], "login": login, "type": "Bot" if login.endswith("[bot]") else "User", **changes}


def payload(action: str | None = None, by: str = "ann", **parts: Any) -> dict[str, Any]:
    common = {
        "repository": {"id": 42, "full_name": "acme/greeter", "default_branch": "main"},
        "installation": {"id": 7},
        "sender": user(by),
    }
    return {**({"action": action} if action else {}), **common, **parts}


def issue(number: int = 7) -> dict[str, Any]:
    return {
        "number": number,
        "title": "Greet in French",
        "body": "please",
        "html_url": f"https://github.example/acme/greeter/issues/{number}",
    }


def labeling(label: str = "slipway", by: str = "ann") -> dict[str, Any]:
    return payload("labeled", by, issue=issue(), label={"name": label})


_comments = itertools.count(900)


def commenting(body: str, by: str = "ann", *, comment: int | None = None, pull: bool = False) -> dict[str, Any]:
    about = {**issue(8), "pull_request": {"url": "x"}} if pull else issue()
    return payload(
        "created", by, issue=about, comment={"id": comment or next(_comments), "body": body, "html_url": "https://github.example/c"}
    )


def button(run_id: str, identifier: str = "retry", by: str = "ann", app: int = APP) -> dict[str, Any]:
    check = {"external_id": run_id, "head_sha": HEAD, "app": {"id": app}, "pull_requests": [{"number": 8}]}
    return payload("requested_action", by, check_run=check, requested_action={"identifier": identifier})
