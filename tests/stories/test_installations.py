"""The App's owner may suspend it, take repositories away from it, or remove it: work waits or ends, and says why."""

import pytest

from jobs.model import RunState
from tests.stories.world import RIGHT_THE_SECOND_TIME, World


def stands(world: World, state: RunState, code: str) -> None:
    run = world.run
    assert (run.state, run.reason and run.reason.code) == (state, code)


def test_a_suspended_installation_parks_what_waits_and_lets_it_go_on_afterwards(world: World) -> None:
    """Proves: F85."""
    world.ask()
    world.take_in()
    world.github.suspend()
    world.work_until_idle()
    stands(world, RunState.PARKED, "installation_suspended")
    world.pass_time(7 * 86_400)
    stands(world, RunState.PARKED, "installation_suspended")
    world.github.unsuspend()
    world.work_until_idle()
    for _ in range(3):
        world.pass_time(900)
    assert world.run.state is RunState.SUCCEEDED
    assert world.github.labels(7) == {"slipway:done"}
    assert world.launches == 1


@pytest.mark.parametrize("event", ["Prepared", "Passed"])
def test_a_suspension_in_the_middle_of_a_run_parks_it_and_loses_no_work(world: World, event: str) -> None:
    """Proves: F85."""
    world.ask()
    world.at(event, lambda: (world.github.suspend(), world.take_in()))
    world.work_until_idle()
    stands(world, RunState.PARKED, "installation_suspended")
    assert world.github.branches() == {"main"}
    world.github.unsuspend()
    world.work_until_idle()
    for _ in range(3):
        world.pass_time(900)
    assert world.run.state is RunState.SUCCEEDED
    assert world.launches == 1


def test_a_removed_installation_ends_its_runs(world: World) -> None:
    """Proves: F85."""
    world.ask()
    world.take_in()
    world.github.uninstall()
    world.work_until_idle()
    stands(world, RunState.CANCELLED, "stopped")
    assert world.run.reason and world.run.reason.text == "The App was uninstalled."
    assert world.callbacks()[-1].type == "run.cancelled"


def test_a_removal_in_the_middle_of_a_run_ends_it(world: World) -> None:
    """Proves: F85."""
    world.ask(RIGHT_THE_SECOND_TIME)
    world.at("Rejected", lambda: (world.github.uninstall(), world.take_in()))
    world.work_until_idle()
    stands(world, RunState.CANCELLED, "stopped")
    assert world.launches == 1


def test_a_repository_taken_out_of_the_selection_ends_its_runs_and_no_others(world: World) -> None:
    """Proves: F85, 000-09."""
    other = world.github.add_repository("acme/other", files=dict(world.files))
    world.ask()
    world.github.open_issue("Greet in French", "", number=3, repo=other)
    world.github.add_label(3, "slipway", repo=other)
    world.take_in()
    world.github.deselect(repo=other)
    world.work_until_idle()
    kept, lost = world.runs
    assert (kept.state, lost.state) == (RunState.SUCCEEDED, RunState.CANCELLED)
    assert lost.reason and lost.reason.text == "The App was taken off this repository."


def test_a_renamed_repository_is_the_same_repository(world: World) -> None:
    """Proves: F84."""
    world.ask()
    world.at("Passed", lambda: world.github.rename("welcomer"))
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert len(world.github.pulls()) == 1


def test_an_archived_repository_ends_the_run_with_githubs_words(world: World) -> None:
    """Proves: F84."""
    world.ask()
    world.at("Passed", world.github.archive)
    world.work_until_idle()
    assert world.run.state is RunState.FAILED
    assert world.run.reason and world.run.reason.code == "push_refused"
    assert "archived" in str(world.ground.reading.events(world.run.id)[-1]["payload"])


def test_whoever_lost_the_right_meanwhile_gets_nothing_delivered(world: World) -> None:
    """Proves: T05."""
    world.ask()
    world.at("Passed", lambda: world.github.collaborator("maintainer", "read"))
    world.work_until_idle()
    stands(world, RunState.FAILED, "not_authorised")
    assert (world.github.branches(), world.github.pulls()) == ({"main"}, [])
