"""A label on an issue becomes a verified pull request."""

from jobs.model import RunState
from tests.fakes.github import PullRequest
from tests.stories.world import RIGHT_AT_ONCE, RIGHT_THE_SECOND_TIME, World


def test_a_label_becomes_a_draft_pull_request(world: World) -> None:
    """Proves: 000-01, 000-20, 000-13, 001-06, 001-15, 001-44, 003-19, 003-20, 004-36, 004-43, 004-01."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    world.github.add_label(issue=7, name="slipway")
    world.work_until_idle()
    run = world.run
    assert run.state is RunState.SUCCEEDED, run.reason
    assert world.github.pulls_for(issue=7) == [PullRequest(head=f"slipway/7-greet-in-french-{run.short}", draft=True)]


def test_a_rejected_snapshot_goes_back_to_the_agent_with_its_finding(world: World) -> None:
    """Proves: 000-19, 004-33, 001-43."""
    world.github.open_issue("Greet in French", RIGHT_THE_SECOND_TIME, number=7)
    world.github.add_label(issue=7, name="slipway:fix")
    world.work_until_idle()
    run = world.run
    assert run.state is RunState.SUCCEEDED, run.reason
    assert world.events(run).count("Rejected") == 1
