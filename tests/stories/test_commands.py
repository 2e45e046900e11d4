"""What people ask for in comments."""

from pathlib import Path

import pytest

from jobs.model import RunState
from tests.stories.world import BONJOUR, BONSOIR, RIGHT_AT_ONCE, World, settled, task


@pytest.mark.parametrize(
    ("command", "flow"), [("/slipway run", "implement"), ("/slipway fix", "fix"), ("/slipway say it politely", "implement")]
)
def test_a_command_starts_a_run_and_is_seen_to_be_heard(world: World, command: str, flow: str) -> None:
    """Proves: 001-36, 001-55."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    said = world.comment(command)
    assert world.github.reactions(7, comment=said.id) == ["eyes"]
    world.work_until_idle()
    run = world.run
    assert (run.state, run.request.flow, run.request.source.comment) == (RunState.SUCCEEDED, flow, said.id)
    assert world.github.labels(7) == {"slipway:done"}


def test_what_follows_a_command_is_the_task(world: World) -> None:
    world.github.open_issue("Greet in French", "It should be French.", number=7)
    world.comment(f"/slipway run as written below\n\n{RIGHT_AT_ONCE}")
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert world.turns(world.run)[0]["brief"]["instructions"].startswith("as written below")


def test_retry_of_an_ended_run_is_a_new_run_that_names_the_old_one(world: World) -> None:
    """Proves: 001-25, 001-36."""
    world.ask(task("exit 3"))
    world.work_until_idle()
    first = world.run
    assert first.state is RunState.FAILED
    world.comment("/slipway retry")
    world.work_until_idle()
    _, second = world.runs
    assert (second.request.retry_of, second.state) == (first.id, RunState.FAILED)
    assert "could not finish this" in world.status(run=first)
    assert "could not finish this" in world.status(run=second)


def test_status_says_where_the_run_stands(world: World) -> None:
    """Proves: 003-09."""
    world.ask()
    world.take_in()
    world.comment("/slipway status")
    assert [settled(text, world.run) for text in world.answers()] == [
        "**Slipway has queued this: it is next.**\n\nRun `RUN` · cost unknown · delivery `DELIVERY`"
    ]


def test_logs_shows_the_end_of_what_the_agent_said(world: World) -> None:
    """Proves: 001-36."""
    world.ask()
    world.work_until_idle()
    world.comment("/slipway logs")
    (answer,) = world.answers()
    assert "write greeter.py" in answer
    assert f"`slipway logs {world.run.id}` shows the whole of it." in answer


def test_config_shows_what_is_used_and_help_shows_every_command(world: World) -> None:
    world.github.open_issue("Greet in French", number=7)
    world.comment("/slipway config\n/slipway help")
    config, help_text = world.answers()
    assert "from `.github/slipway.yml` on the default branch" in config
    assert "name: scripted" in config
    for command in ("run", "fix", "plan", "review", "approve", "retry", "stop", "status", "logs", "pause", "resume", "config", "help"):
        assert f"`/slipway {command}" in help_text


def test_config_tells_nobody_the_address_of_a_receiver_that_the_owner_of_all_repositories_named(world: World) -> None:
    """That file may be in a repository that not everybody here may read. Proves: T04."""
    receivers = "version: 1\ncallbacks: [{url: 'https://hooks.example.org/services/of-the-team?key=hidden-too'}]\n"
    world.github.add_repository("acme/.github", files={".github/slipway.yml": receivers})
    world.github.open_issue("Greet in French", number=7)
    world.comment("/slipway config")
    (config,) = world.answers()
    assert "url: https://hooks.example.org (" in config
    assert not any(part in config for part in ("of-the-team", "hidden-too"))


def test_nothing_begins_while_the_repository_is_paused(world: World) -> None:
    """Proves: 001-18."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=8)
    world.comment("/slipway pause", number=8)
    world.ask()
    world.work_until_idle()
    assert world.run.state is RunState.QUEUED
    assert world.status().startswith(
        "**Slipway has queued this and begins nothing here for now.**\n\n"
        "maintainer asked for it with `/slipway pause`. Comment `/slipway resume` to let it go on.\n\n"
    )
    world.comment("/slipway resume", number=8)
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert [answer.split(" ")[0] for answer in world.answers(8)] == ["Slipway", "The"]


def test_a_plan_waits_for_a_yes_and_is_amended_by_it(world: World) -> None:
    """Proves: 000-33, 002-19."""
    world.github.open_issue("Greet in French", task(f"planner:\nbody Change the word.\nimplementer:\n{BONJOUR}"), number=7)
    world.comment("/slipway plan")
    world.work_until_idle()
    assert world.run.state is RunState.AWAITING_APPROVAL
    assert "> Change the word." in world.status()
    assert "Comment `/slipway approve` to go on" in world.status()
    world.comment("/slipway approve but keep it short")
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    _, code = world.turns(world.run)
    assert code["brief"]["plan"] == "Change the word.\n\nAmended by maintainer:\nbut keep it short"
    assert [one.type for one in world.callbacks()].count("run.awaiting_approval") == 1


def test_a_plan_nobody_approves_expires(world: World) -> None:
    world.github.open_issue("Greet in French", task(f"planner:\nbody Change the word.\nimplementer:\n{BONJOUR}"), number=7)
    world.comment("/slipway plan")
    world.work_until_idle()
    world.pass_time(4 * 86_400)
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.CANCELLED, "approval_expired")
    assert "Nobody approved the plan in time." in world.status()


def test_several_commands_of_one_comment_are_carried_out_in_order(world: World) -> None:
    world.github.open_issue("Greet in French", task(BONSOIR), number=7)
    world.comment("/slipway run\n/slipway status\n/slipway stop")
    world.work_until_idle()
    assert (world.run.state, world.launches) == (RunState.CANCELLED, 0)
    assert "has queued this" in world.answers()[0]


def test_very_many_commands_at_once_are_answered_at_the_pace_github_asks_for(tmp_path: Path) -> None:
    """Sixty writes a minute and ten at once; none is lost and none said twice. Proves: F89, I14."""
    with World(tmp_path, server_file="\n[allow]\nactor_per_hour = 1000\nitem_per_hour = 1000\n") as world:
        world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
        asked = [world.github.comment(7, "/slipway help") for _ in range(40)]
        world.work_until_idle()
        for _ in range(9):
            world.pass_time(60)
        assert len(world.answers()) == len(asked)
        assert all(world.github.reactions(7, comment=one.id) == ["eyes"] for one in asked)
        at = [entry.at for entry in world.github.writes()]
        busiest = max(sum(start <= one < start + 60 for one in at) for start in at)
        assert busiest <= 60 + 10
