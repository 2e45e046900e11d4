"""Whoever may ask for a run may end it, wherever it is; then nothing of it leaves."""

import pytest

from jobs.model import RunState
from tests.stories.world import BONJOUR, CONFIG, FILES, World, task

ENDLESS = task(f"{BONJOUR}\nsleep 600")
SLOW_GATE = {**FILES, ".github/slipway.yml": CONFIG.replace("python3, check.py", 'sleep, "600"')}


def stopped(world: World, why: str = "maintainer asked for it with `/slipway stop`.") -> None:
    """The run ended because somebody said so: that is what everybody sees, and nothing has left."""
    run = world.run
    assert (run.state, run.reason and (run.reason.code, run.reason.text)) == (RunState.CANCELLED, ("stopped", why))
    assert world.github.branches() == {"main"}
    assert world.github.pulls() == []
    assert world.github.labels(7) == {"slipway:failed"}
    assert f"**Slipway has stopped working on this.**\n\n{why} Comment `/slipway retry` to begin again." in world.status()
    assert world.callbacks()[-1].type == "run.cancelled"


def test_a_queued_run_is_stopped_at_once(world: World) -> None:
    """Proves: 001-36."""
    world.ask()
    world.take_in()
    world.comment("/slipway stop")
    world.work_until_idle()
    stopped(world)
    assert world.launches == 0


@pytest.mark.parametrize("event", ["Claimed", "Prepared", "Launched", "Built", "Snapshotted", "Passed", "FlowFinished"])
def test_a_run_at_work_is_stopped_between_any_two_phases(world: World, event: str) -> None:
    """Proves: 004-34, F79."""
    world.ask()
    world.at(event, lambda: world.comment("/slipway stop"))
    world.work_until_idle()
    stopped(world)


@pytest.mark.timeout(60)
def test_an_agent_at_work_is_ended(world: World) -> None:
    """The agent would sleep for ten minutes. Proves: 004-34, 004-46, 000-19, F79."""
    world.ask(ENDLESS)
    with world.meanwhile(lambda: world.comment("/slipway stop"), launches=1):
        world.work_until_idle()
    world.work_until_idle()
    stopped(world)
    assert not list((world.settings.data_dir / "work").glob(f"{world.run.id}/*")), "its checkout is gone"


@pytest.mark.timeout(60)
def test_a_gate_at_work_is_ended(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The gate would sleep for ten minutes. Proves: 004-34, F79."""
    with World(tmp_path_factory.mktemp("gate"), files=SLOW_GATE) as world:
        world.ask()
        with world.meanwhile(lambda: world.comment("/slipway stop"), after="Snapshotted"):
            world.work_until_idle()
        world.work_until_idle()
        stopped(world)


def test_taking_the_label_off_stops_the_run(world: World) -> None:
    """Proves: F79."""
    world.ask()
    world.at("Built", lambda: (world.github.remove_label(7, "slipway:running"), world.take_in()))
    world.work_until_idle()
    stopped(world, "maintainer took the label slipway:running off.")


@pytest.mark.parametrize("event", ["Queued", "Snapshotted"])
def test_closing_the_issue_stops_the_run(world: World, event: str) -> None:
    """Proves: F79."""
    world.ask()
    if event == "Queued":
        world.take_in()
        world.github.close(7)
    else:
        world.at(event, lambda: (world.github.close(7), world.take_in()))
    world.work_until_idle()
    stopped(world, "The item was closed by maintainer.")


def test_stop_without_a_run_is_answered(world: World) -> None:
    world.github.open_issue("Greet in French", number=7)
    world.comment("/slipway stop")
    assert world.answers() == ["There is no run on this item to stop. `/slipway run …` starts one."]


def test_our_own_label_coming_off_never_stops_the_next_run(world: World) -> None:
    """GitHub tells us of our own `unlabeled` when the second run already waits. Proves: F07, F88."""
    world.ask()
    world.github.hooks.withhold = True
    world.work_until_idle()
    late = [delivery for delivery in world.github.deliveries if delivery.action == "unlabeled" and not delivery.sent]
    world.github.hooks.withhold = False
    world.github.add_label(7, "slipway")
    world.take_in()
    for delivery in late:
        world.github.hooks.send(delivery)
    world.work_until_idle()
    assert [run.state for run in world.runs] == [RunState.SUCCEEDED, RunState.SUCCEEDED]
