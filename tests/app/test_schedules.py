"""Schedules: each time once, whatever restarts, and daylight saving is nobody's surprise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from app.schedules import Schedules, What, decide, latest
from app.server_file import Schedule
from infra.store.engine import open_store
from infra.store.keeping import SqlTicks
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from jobs.errors import Fault, UserError
from jobs.model import Repository
from jobs.rules import Rules
from tests.fakes.engine import FakeClock


def scheduled(**changes: object) -> Schedule:
    asked = {"name": "nightly", "cron": "30 2 * * *", "repository": "acme/greeter", "title": "Update the greetings"}
    return Schedule.model_validate({**asked, **changes})


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class FakeCatalogue:
    """One repository; `error` is raised instead."""

    error: Exception | None = None

    def find(self, name: str) -> Repository:
        if self.error:
            raise self.error
        return Repository(42, name, 7)

    def rules(self, repository: Repository) -> Rules:
        return Rules()


@dataclass
class FakeBell:
    """Remembers who was rung for."""

    rung: list[str] = field(default_factory=list)

    def ring(self, function: str, row: str) -> None:
        self.rung.append(row)


@dataclass
class Office:
    """A store, a clock, and keepers that come and go."""

    engine: sa.Engine
    clock: FakeClock
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    bell: FakeBell = field(default_factory=FakeBell)

    def look(self, *schedules: Schedule, when: str) -> list[str]:
        self.clock.at = at(when)
        runs = SqlRuns(self.engine)
        return Schedules(schedules, SqlTicks(self.engine), runs, self.catalogue, self.bell, self.clock)()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    clock = FakeClock()
    engine = open_store(tmp_path, clock=clock)
    yield Office(engine, clock)
    engine.dispose()


def test_each_time_is_asked_for_once_whoever_looks_and_however_often(office: Office) -> None:
    """Proves: 002-04."""
    daily = scheduled()
    assert office.look(daily, when="2026-03-01 12:00") == []
    first = office.look(daily, when="2026-03-02 02:30")
    assert len(first) == 1
    assert office.bell.rung == first
    assert office.look(daily, when="2026-03-02 02:30:30") == []
    assert office.look(daily, when="2026-03-02 23:00") == []
    assert len(office.look(daily, when="2026-03-03 02:30:20")) == 1


def test_the_run_says_that_a_schedule_asked_for_it(office: Office) -> None:
    (run_id,) = office.look(scheduled(), when="2026-03-02 02:30")
    run = SqlRuns(office.engine).get(run_id)
    assert (run.request.source.trigger, run.request.title) == ("schedule", "Update the greetings")
    assert SqlReading(office.engine).run(run_id)["source"]["trigger"] == "schedule"


def test_after_a_stop_of_days_one_run_makes_up_for_all_or_none_does(office: Office) -> None:
    """Proves: 002-04."""
    patient, strict = scheduled(), scheduled(name="strict", missed="skip")
    office.look(patient, strict, when="2026-03-01 02:30")
    assert len(office.look(patient, strict, when="2026-03-04 12:00")) == 1
    assert office.look(patient, strict, when="2026-03-04 12:01") == []
    assert len(office.look(patient, strict, when="2026-03-05 02:30")) == 2


def test_a_new_schedule_begins_with_its_next_time(office: Office) -> None:
    assert office.look(scheduled(), when="2026-03-01 12:00") == []
    assert decide(scheduled(), None, latest(scheduled(), at("2026-03-01 12:00")), at("2026-03-01 12:00")) is What.NOTE


def test_one_that_cannot_run_is_told_once_and_one_that_has_to_wait_is_tried_again(office: Office) -> None:
    """Proves: 000-09."""
    office.catalogue.error = UserError("There is no such repository.")
    assert office.look(scheduled(), when="2026-03-01 02:30") == []
    office.catalogue.error = Fault("github_unavailable", "GitHub does not answer.")
    assert office.look(scheduled(), when="2026-03-02 02:30") == []
    office.catalogue.error = None
    assert office.look(scheduled(), when="2026-03-01 02:31") == []
    assert len(office.look(scheduled(), when="2026-03-02 02:31")) == 1


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-10-25 00:29", "2026-10-24 00:30"),
        ("2026-10-25 00:30", "2026-10-25 00:30"),  # 02:30 summer time
        ("2026-10-25 01:30", "2026-10-25 00:30"),  # the second 02:30 of that night is no time of its own
        ("2026-10-26 01:30", "2026-10-26 01:30"),
    ],
)
def test_the_hour_that_comes_twice_counts_once(now: str, expected: str) -> None:
    vienna = scheduled(zone="Europe/Vienna")
    assert latest(vienna, at(now)) * 60 == at(expected)


@pytest.mark.parametrize(
    "wrong", [{"cron": "@daily"}, {"cron": "0 30 2 * * *"}, {"cron": "61 * * * *"}, {"zone": "Vienna"}, {"name": "A b"}]
)
def test_a_schedule_that_means_nothing_is_refused_when_it_is_read(wrong: dict[str, str]) -> None:
    """Proves: 000-12."""
    with pytest.raises(ValidationError):
        scheduled(**wrong)
