"""From an id to the runs it belongs to, on every database; and the lanes of receivers."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from infra.store.effects import SqlEffects
from infra.store.outbox import Lane, SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.tracing import MOST
from jobs.events import Event
from jobs.model import Run
from tests.infra.store.asked import GREETER, RULES, asked, start
from tests.infra.store.test_outbox import BAD, GOOD, both

SHA, LARGE = "c" * 40, 3_000_000_123


@pytest.fixture
def run(engine: sa.Engine) -> Run:
    """A run that pushed, commented and opened a pull request; another that did nothing."""
    made = start(engine)
    start(engine, "other", number=99)
    effects = SqlEffects(engine)
    done = {"push": (SHA, {"ref": "refs/heads/topic", "sha": SHA}), "comment": ("status", {"id": LARGE}), "pull": ("topic", {"number": 12})}
    for kind, (key, external) in done.items():
        effects.done(made, effects.intend(made, kind, key), external)
    return made


@pytest.mark.parametrize("text", [SHA, "topic", f"/issues/7#issuecomment-{LARGE}", str(LARGE), "#12", f"run={SHA}"])
def test_what_was_written_outside_leads_back(engine: sa.Engine, run: Run, text: str) -> None:
    """Proves: I23, 001-06."""
    assert [one["id"] for one in SqlReading(engine).find(text)] == [run.id]


def test_a_pull_request_is_the_one_of_its_repository(engine: sa.Engine, run: Run) -> None:
    """Proves: I21."""
    name = run.repository.full_name
    assert [one["id"] for one in SqlReading(engine).find(f"{name}#12")] == [run.id]
    assert SqlReading(engine).find("acme/elsewhere#12") == []


def test_whoever_sees_little_is_shown_theirs_however_many_others_there_are(engine: sa.Engine) -> None:
    """What may not be seen takes nobody's place among the first fifty. Proves: I21."""
    elsewhere = replace(GREETER, id=43, full_name="acme/elsewhere")
    others = [start(engine, f"other-{number}") for number in range(MOST + 5)]
    mine = start(engine, "mine", repository=elsewhere)
    for effect, run in ((SqlEffects(engine).intend(run, "pull", "topic"), run) for run in (*others, mine)):
        SqlEffects(engine).done(run, effect, {"number": 12})
    reading = SqlReading(engine)
    assert [one["id"] for one in reading.find("12", within=(elsewhere.scope,))] == [mine.id]
    assert [one["id"] for one in reading.find("topic", within=(elsewhere.scope,))] == [mine.id]
    assert [one["id"] for one in reading.find("acme/elsewhere#12")] == [mine.id]
    assert reading.find(mine.id, within=(GREETER.scope,)) == []
    assert reading.find("7", within=()) == []


@pytest.mark.parametrize("text", ["", "nothing", "0" * 40, "f" * 32, "#77", "%", "_", "' OR 1=1 --"])
def test_what_belongs_to_nobody_leads_nowhere(engine: sa.Engine, run: Run, text: str) -> None:
    assert SqlReading(engine).find(text) == []


def test_a_receiver_that_failed_comes_last_and_one_that_waits_not_at_all(engine: sa.Engine) -> None:
    """Proves: F95, F96."""

    def told(run: Run, event: Event, at: float) -> list[object]:
        return list(both(run, event, at))

    SqlRuns(engine, messages=told).start(asked(), RULES)  # type: ignore[arg-type]  # what `both` makes has every field of a message
    outbox = SqlOutbox(engine)
    first = outbox.next_for(BAD)
    assert first
    row = outbox.claim(first)
    assert row
    assert (outbox.next_for(BAD), outbox.lanes()) == (None, [Lane(GOOD, False)])
    outbox.failed(row, 500, "server error", 1.0)
    assert outbox.lanes() == [Lane(GOOD, False), Lane(BAD, True)]
    outbox.slow_down(GOOD, 9e9)
    assert (outbox.next_for(GOOD), outbox.lanes()) == (None, [Lane(BAD, True)])
