"""Intents carried out: what is said and done once, and to whose run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.acting import Asking, Came
from app.voice import Voice
from handlers import words
from handlers.intents import FetchAhead, FixById, Ignore, InstallationChanged, Pause, Reply, Resume, RetryById, StartRun, Steer, StopById
from jobs.errors import Fault
from jobs.evidence import AgentResult, Ended, Output
from jobs.model import Actor, ItemKind, Repository, Run, RunRequest, RunState, Source
from jobs.rules import Rules
from tests.app.reception import Reception, reception
from tests.fakes.intake import FakeBoard

GREETER = Repository(42, "acme/greeter", 7)
SOURCE = Source("command", "d-1", ItemKind.ISSUE, 7, 900, Actor(1001, "ann", "write"))
ASKING = Asking(GREETER, 7, "comment:42:900:0", Rules())


class Forgetful:
    """A memory that was lost between saying and remembering."""

    def done(self, key: str) -> bool:
        return False

    def close(self, key: str, scope: str, number: int) -> bool:
        return True


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Reception]:
    made = reception(tmp_path)
    yield made
    made.engine.dispose()


def request(key: str = "comment:42:900:0", **changes: object) -> RunRequest:
    return replace(RunRequest(key, GREETER, SOURCE, title="Greet"), **changes)  # type: ignore[arg-type]


def started(world: Reception, key: str = "comment:42:900:0", **changes: object) -> Run:
    world.intake.perform.carry_out([StartRun(request(key, **changes))], ASKING)
    return world.all_runs()[-1]


def test_an_answer_is_said_once_even_when_nobody_remembers_it() -> None:
    """The mark in the comment counts. Proves: I04, F76."""
    board = FakeBoard()
    voice = Voice(board, Forgetful())
    for _ in range(3):
        voice.say(GREETER, 7, "Hello.", "one")
    voice.say(GREETER, 7, "Hello.", "two")
    voice.say(GREETER, 8, "Hello.", "one")
    assert board.said(7) == ["Hello.", "Hello."]
    assert board.said(8) == ["Hello."]


def test_a_run_that_is_started_twice_is_one_run(world: Reception) -> None:
    """Proves: I03."""
    assert started(world).id == started(world).id


def test_a_message_to_nobody_is_a_run_if_it_may_be_one(world: Reception) -> None:
    steer = Steer(GREETER, 7, "ann", "use tabs", 900, request())
    (came,) = world.intake.perform.carry_out([steer], ASKING)
    assert came.text == "started"
    (came,) = world.intake.perform.carry_out([replace(steer, number=8, otherwise=None)], ASKING)
    assert came.idle


@pytest.mark.parametrize("other", [Repository(421, "acme/greeter"), Repository(42, "acme/greeter", 77)])
def test_the_id_of_another_tenants_run_opens_nothing(world: Reception, other: Repository) -> None:
    """Proves: I21, T29."""
    run = started(world)
    orders = [StopById(run.id, other, "eve", "why"), RetryById(run.id, other, SOURCE, "k"), FixById(run.id, other, SOURCE, "k", "a" * 40)]
    came = world.intake.perform.carry_out(orders, replace(ASKING, repository=other))
    assert {one.run for one in came} == {None}
    assert [one.state for one in world.all_runs()] == [RunState.QUEUED]


def test_what_the_store_refuses_is_told_where_it_was_asked_and_kept_where_it_cannot_be(world: Reception) -> None:
    stop = StopById("f" * 32, GREETER, "ann", "why")
    (came,) = world.intake.perform.carry_out([stop], ASKING)
    assert (came.idle, world.board.said(7)) == (False, [words.nothing_here("to stop")])
    (came,) = world.intake.perform.carry_out([stop], Asking())
    assert came == Came(words.nothing_here("to stop"), idle=True)


def test_a_pause_of_everything(world: Reception) -> None:
    """Proves: 001-18."""
    world.intake.perform.carry_out([Pause(None, "ann")], ASKING)
    assert world.runs.paused("7:42")
    world.intake.perform.carry_out([Resume(None, "ann")], ASKING)
    assert world.runs.paused("7:42") is None


def test_a_run_somebody_holds_notices_a_suspension_by_itself(world: Reception) -> None:
    """Proves: F85."""
    run = started(world)
    world.runs.stop(run.id, "ann", "enough")
    (came,) = world.intake.perform.carry_out([InstallationChanged(7, "suspend")], Asking())
    assert came.idle


def test_what_a_push_moved_is_fetched_where_the_repository_is_worked_on(world: Reception) -> None:
    """A convenience: whatever comes of it, the delivery is done with. Proves: 000-09."""
    ask = [FetchAhead(GREETER, "main")]
    assert world.intake.perform.carry_out(ask, Asking()) == [Came("fetched ahead")]
    assert world.mirrors.fetched == [(42, "main")]
    world.mirrors.no = Fault("fetch_failed", "The git host did not answer.")
    assert world.intake.perform.carry_out(ask, Asking()) == [Came("not fetched ahead: The git host did not answer.", idle=True)]
    world.mirrors.no, world.mirrors.here = None, frozenset()
    assert world.intake.perform.carry_out(ask, Asking()) == [Came("nothing of this repository is kept here", idle=True)]


def test_nothing_to_do_is_a_reason_and_no_more(world: Reception) -> None:
    assert world.intake.perform.carry_out([Ignore("why")], ASKING) == [Came("why", idle=True)]
    assert world.intake.perform.carry_out([Reply(GREETER, 7, "Hello.", "k")], ASKING) == [Came("answered")]


def test_the_end_of_an_agents_output_cannot_leave_its_block() -> None:
    """Proves: T22."""
    said = Output(head="```\n/slipway stop\n@everyone <!-- x -->\n````\n\x1b[31mred")
    run = Run("e" * 32, request(), Rules(), last_result=AgentResult("claude", Ended.EXIT, 0, stdout=said))
    shown = words.logs(run, None)
    assert shown == (
        "The end of what `claude` said in run `eeeeeeee`:\n\n"
        "`````\n```\n/slipway stop\n@everyone <!-- x -->\n````\nred\n`````\n\n"
        f"`slipway logs {'e' * 32}` shows the whole of it."
    )


def test_much_output_is_its_end() -> None:
    """Proves: I20."""
    run = Run("e" * 32, request(), Rules(), last_result=AgentResult("claude", Ended.EXIT, 0, stdout=Output(head="x" * 50_000 + "the end")))
    shown = words.logs(run, "https://slipway.example/runs/e")
    assert len(shown) < 9_000
    assert "the end" in shown
    assert "[its page](https://slipway.example/runs/e)" in shown
