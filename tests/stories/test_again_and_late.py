"""GitHub may tell us twice, late, in the wrong order or not at all: there is one run for one asking."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from jobs.model import RunState
from tests.fakes.github.state import Delivery
from tests.stories.world import RIGHT_AT_ONCE, World


def once(world: World) -> None:
    """One run, one pull request, one of everything people see."""
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert len(world.github.pulls()) == 1
    assert world.github.reactions(7) == ["eyes"]
    assert world.status()
    assert [one.type for one in world.callbacks()].count("run.queued") == 1


def test_the_same_delivery_fifty_times_at_once_is_one_run(world: World) -> None:
    """Proves: 001-03, F05."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    told = world.github.add_label(7, "slipway", deliver=False)
    copies = [world.github.hooks.again(n, told, told.at) for n in range(50)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(world.github.hooks.send, copies))
    assert {answer.status_code for answer in answers} == {202}
    verdicts = ["accepted" in answer.answer for answer in answers]
    assert (verdicts.count(True), len(world.inbox())) == (1, 1)
    once(world)


def test_a_delivery_sent_again_after_the_run_changes_nothing(world: World) -> None:
    """Proves: 001-03, F05, F13."""
    told = world.ask()
    once(world)
    again = world.github.redeliver(told)
    assert (again.status_code, '"duplicate"' in again.answer) == (202, True)
    once(world)


def test_the_same_label_told_under_two_ids_is_one_run(world: World) -> None:
    """Proves: 001-03, F06."""
    first = world.ask()
    second = world.github.tell("issues", first.payload)
    assert first.guid != second.guid
    once(world)
    assert [world.became_of(told)[0] for told in (first, second)] == ["done", "done"]


def test_a_comment_told_under_two_ids_is_one_run(world: World) -> None:
    """Proves: F06."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    world.github.comment(7, "/slipway run")
    told = world.github.deliveries[-1]
    world.github.tell("issue_comment", told.payload)
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED


def test_a_label_taken_off_before_we_hear_of_it_starts_nothing(world: World) -> None:
    """Proves: F07."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    put_on = world.github.add_label(7, "slipway", deliver=False)
    taken_off = world.github.remove_label(7, "slipway", deliver=False)
    told(world, [taken_off, put_on])
    assert world.runs == []
    assert world.became_of(put_on) == ("ignored", "the label 'slipway' is not on the issue any more")


def test_a_command_heard_after_the_issue_was_closed_starts_nothing(world: World) -> None:
    """Proves: F07."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    world.github.comment(7, "/slipway run", deliver=False)
    commanded = world.github.deliveries[-1]
    closed = world.github.close(7, deliver=False)
    told(world, [closed, commanded])
    assert world.runs == []
    assert world.answers() == ["This issue is closed, so nothing was started. Open it again, then ask again."]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_label_off_and_on_again_is_one_run_in_whatever_order_it_is_told(world: World, order: Sequence[int]) -> None:
    """Proves: F07."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    happened = [
        world.github.add_label(7, "slipway", deliver=False),
        world.github.remove_label(7, "slipway", deliver=False),
        world.github.add_label(7, "slipway", deliver=False),
    ]
    told(world, [happened[n] for n in order])
    assert len(world.runs) == 1


def test_a_label_put_on_again_is_a_second_run(world: World) -> None:
    world.ask()
    once(world)
    world.github.add_label(7, "slipway")
    world.work_until_idle()
    assert [run.state for run in world.runs] == [RunState.SUCCEEDED, RunState.SUCCEEDED]
    assert len({pull.head for pull in world.github.pulls()}) == 2
    assert world.github.labels(7) == {"slipway:done"}


def test_two_askings_on_one_issue_wait_for_each_other_with_a_place_in_line(world: World) -> None:
    """Proves: 003-09, 003-25."""
    world.ask()
    world.take_in()
    world.comment("/slipway fix")
    world.announce()
    first, second = world.runs
    assert "it is next" in world.status(run=first)
    assert "it is number 2 in line" in world.status(run=second)
    begun: list[str] = []
    world.at("Delivered", lambda: begun.append(world.ground.runs.get(second.id).state.value))
    world.work_until_idle()
    assert begun == ["queued"]
    assert [run.state for run in world.runs] == [RunState.SUCCEEDED, RunState.SUCCEEDED]


def test_a_webhook_that_never_came_is_made_up_for_when_github_sends_it_again(world: World) -> None:
    """Proves: F01."""
    world.github.hooks.withhold = True
    lost = world.ask()
    world.github.hooks.withhold = False
    world.github.redeliver(lost)
    once(world)


def told(world: World, deliveries: Sequence[Delivery]) -> None:
    """GitHub tells of these, in this order, and each is looked at before the next one comes."""
    for delivery in deliveries:
        world.github.hooks.send(delivery)
        world.take_in()
