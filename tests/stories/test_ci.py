"""A repository may want a run to wait for its own CI: green is success, red is the agent's next brief."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.model import RunState
from tests.fakes.github import PullRequest
from tests.stories.world import BONJOUR, BONSOIR, CONFIG, FILES, World, task

AWAIT = "delivery: {await_ci: true}\n"
LENIENT = {**FILES, "check.py": "", ".github/slipway.yml": CONFIG + AWAIT}
"""The repository's own gate finds nothing; only its CI knows the right word."""
REVIEWED = f"{CONFIG}{AWAIT}flows: {{implement: {{steps: [{{name: code}}, {{name: review, role: reviewer, depends_on: [code]}}]}}}}\n"
SECOND_TIME = task(f"try 1:\n{BONSOIR}\ntry 2:\n{BONJOUR}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A repository that waits for its CI."""
    with World(tmp_path, files=LENIENT) as made:
        yield made


def delivered(world: World, body: str = SECOND_TIME) -> PullRequest:
    """The first change is out and the run waits."""
    world.ask(body)
    world.work_until_idle()
    assert world.run.state is RunState.AWAITING_CI, world.run.reason
    return world.github.pulls()[0]


def green(world: World) -> None:
    """CI passes on what is delivered now, once nobody expects another check."""
    world.clock.sleep(60)
    world.github.ci(world.github.pulls()[0].sha, "success")
    world.work_until_idle()


def by_status(world: World, sha: str) -> None:
    world.github.status(sha, "failure")


def by_check(world: World, sha: str) -> None:
    world.github.ci(sha, "failure", name="tests", summary="Bonjour was expected")


def unheard(world: World, sha: str) -> None:
    """The webhook is lost; the keeper looks."""
    world.github.ci(sha, "failure", name="tests", summary="Bonjour was expected", deliver=False)
    assert world.shop.ci
    assert world.shop.ci.rounds() == 1


def test_a_run_waits_for_ci_and_green_is_success(world: World) -> None:
    """Proves: 004-01."""
    pull = delivered(world)
    assert "waits for the repository's CI" in world.status()
    assert world.github.labels(7) == {"slipway:running"}
    (check,) = world.github.checks(pull.sha)
    assert check.conclusion is None
    green(world)
    assert world.run.state is RunState.SUCCEEDED
    assert world.github.checks(pull.sha)[0].conclusion == "success"
    assert world.github.labels(7) == {"slipway:done"}


@pytest.mark.parametrize("fails", [by_check, by_status, unheard])
def test_red_goes_back_to_the_agent_and_its_next_change_to_the_same_branch(world: World, fails: Callable[[World, str], None]) -> None:
    """Proves: 004-45."""
    first = delivered(world)
    fails(world, first.sha)
    world.work_until_idle()
    (second,) = world.github.pulls()
    assert (second.number, second.head, second.sha != first.sha) == (first.number, first.head, True)
    assert world.github.file(second.head, "greeter.py") == 'GREETING = "Bonjour"\n'
    assert world.turns(world.run)[1]["brief"]["findings"][0]["gate"].startswith("CI: ")
    green(world)
    assert (world.run.state, world.run.ci_rounds) == (RunState.SUCCEEDED, 1)
    old, new = world.github.checks(first.sha)[0], world.github.checks(second.sha)[0]
    assert (old.conclusion, new.conclusion) == ("neutral", "success")


def test_what_ci_says_reaches_the_agent(world: World) -> None:
    """Proves: 004-45."""
    by_check(world, delivered(world).sha)
    world.work_until_idle()
    assert "Bonjour was expected" in world.turns(world.run)[1]["brief"]["findings"][0]["message"]
    assert [one.body["data"]["event"] for one in world.callbacks()].count("ChecksFailed") == 1


def test_without_any_ci_delivered_is_success(world: World) -> None:
    """Proves: 004-01, 004-16."""
    delivered(world)
    world.clock.sleep(300)
    assert world.shop.ci
    world.shop.ci.rounds()
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED


def test_ci_that_stays_red_ends_the_run_with_its_pull_request_open(tmp_path: Path) -> None:
    """Proves: 001-28, 004-44."""
    files = {**LENIENT, ".github/slipway.yml": f"{CONFIG}{AWAIT}limits: {{iterations: 2}}\n"}
    with World(tmp_path, files=files) as world:
        for _ in range(2):
            by_check(world, delivered(world).sha) if not world.runs else by_check(world, world.github.pulls()[0].sha)
            world.work_until_idle()
        assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "ci_failed")
        assert (len(world.github.pulls()), world.launches) == (1, 2)
        assert "CI still fails on the delivered commit (tests)" in world.status()


def test_red_on_another_commit_is_nobodys(world: World) -> None:
    delivered(world)
    by_check(world, str(world.github.sha("main")))
    world.work_until_idle()
    assert world.run.state is RunState.AWAITING_CI


def test_red_after_a_review_goes_to_whoever_wrote_the_change(tmp_path: Path) -> None:
    with World(tmp_path, files={**LENIENT, ".github/slipway.yml": REVIEWED}) as world:
        by_check(world, delivered(world, task(f"try 1:\n{BONSOIR}\ntry 2:\n{BONJOUR}\nreviewer:\ndecide approve")).sha)
        world.work_until_idle()
        assert [turn["role"] for turn in world.turns(world.run)] == ["implementer", "implementer", "reviewer", "reviewer"]
        green(world)
        assert world.run.state is RunState.SUCCEEDED


def test_a_run_that_waits_for_ci_can_be_stopped(world: World) -> None:
    """Proves: F79."""
    delivered(world)
    world.comment("/slipway stop")
    world.work_until_idle()
    assert world.run.state is RunState.CANCELLED


def test_somebodys_push_while_ci_runs_is_left_alone(world: World) -> None:
    """Proves: F81."""
    pull = delivered(world)
    theirs = world.github.push(pull.head, {"theirs.txt": "mine\n"})
    by_check(world, pull.sha)
    world.work_until_idle()
    assert world.github.sha(pull.head) == theirs
    assert world.run.reason and world.run.reason.code == "head_moved"
