"""Doubts about an outside write are looked into for a day, and what was found wrong is shown anew."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.doubles import LOOKS_S, Doubles
from delivery.marks import marker
from infra.store.announcements import SqlAnnouncements
from infra.store.effects import SqlEffects
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from jobs.errors import Fault, Refused
from jobs.model import Repository, Run
from tests.fakes.engine import FakeClock
from tests.infra.store.asked import start

KEY = b"key"


@dataclass
class FakeStrays:
    """Keeps what it is told to; `no` is raised instead."""

    kept: int | None = None
    no: Fault | None = None
    looks: list[tuple[object, ...]] = field(default_factory=list)

    def comments(self, repository: Repository, number: int, marker: str) -> int | None:
        return self._look("comment", number, marker)

    def checks(self, repository: Repository, sha: str, external_id: str) -> int | None:
        return self._look("check", sha, external_id)

    def _look(self, *told: object) -> int | None:
        self.looks.append(told)
        if self.no:
            raise self.no
        return self.kept


@dataclass
class World:
    """One run with a status comment that was begun `begun` times and then done."""

    engine: sa.Engine
    clock: FakeClock
    strays: FakeStrays = field(default_factory=FakeStrays)

    def __post_init__(self) -> None:
        self.effects = SqlEffects(self.engine)
        self.run: Run = start(self.engine)
        announcements = SqlAnnouncements(self.engine)
        said = announcements.claim(self.run.id)
        assert said
        announcements.done(said, said.version)

    def do(self, kind: str, key: str, number: int, *, begun: int = 2) -> None:
        for _ in range(begun):
            effect = self.effects.intend(self.run, kind, key)
        self.effects.done(self.run, effect, {"id": number, "shown": "digest"})

    def look(self) -> list[str]:
        return Doubles(self.effects, SqlLedger(self.engine), self.strays, KEY, self.clock)()

    def in_a_day(self) -> list[list[str]]:
        told = [self.look()]
        for age, before in zip((*LOOKS_S, 2 * LOOKS_S[-1]), (0.0, *LOOKS_S), strict=True):
            self.clock.sleep(age - before + 1)
            told += [self.look(), self.look()]
        return [one for one in told if one]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock(1_800_000_000.0)
    engine = open_store(tmp_path, clock=clock)
    yield World(engine, clock)
    engine.dispose()


def test_what_was_begun_once_is_never_looked_for(world: World) -> None:
    """Proves: I14."""
    world.do("comment", "status", 501, begun=1)
    world.do("comment", "status", 501, begun=1)  # an edit
    assert (world.in_a_day(), world.strays.looks) == ([], [])


def test_a_doubt_is_looked_into_for_a_day_and_then_no_more(world: World) -> None:
    """Proves: F28, I04."""
    world.do("comment", "status", 501)
    world.strays.kept = 501
    assert world.in_a_day() == []
    assert world.strays.looks == [("comment", 7, marker(world.run, KEY))] * len(LOOKS_S)


def test_where_another_is_kept_the_run_is_shown_anew_on_that(world: World) -> None:
    """Proves: F28, I04, I08."""
    world.do("check", "c" * 40, 31)
    world.strays.kept = 32
    world.clock.sleep(60)
    assert world.look() == [f"check of {world.run.id}"]
    assert world.strays.looks == [("check", "c" * 40, world.run.id)]
    assert world.effects.of(world.run.id)[0].external == {"id": 32}
    assert SqlAnnouncements(world.engine).due() == [world.run.id]


def test_what_is_not_done_yet_is_left_to_whoever_does_it(world: World) -> None:
    for _ in range(2):
        world.effects.intend(world.run, "comment", "status")
    world.clock.sleep(60)
    assert (world.look(), world.strays.looks) == ([], [])


@pytest.mark.parametrize(("no", "looks"), [(Refused("repository_gone", "Gone."), 1), (Fault("github_unavailable", "Down."), 2)])
def test_a_refusal_ends_the_looking_and_a_fault_does_not(world: World, no: Fault, looks: int) -> None:
    """Proves: 000-09."""
    world.do("comment", "status", 501)
    world.strays.no = no
    for _ in range(4):
        world.look()
        world.clock.sleep(1800)
    assert len(world.strays.looks) == looks
