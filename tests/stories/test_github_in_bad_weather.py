"""GitHub fails in the middle of a run, before or after it did what it was asked: there is one of everything all the same."""

from pathlib import Path
from typing import Any

import pytest

from jobs.model import RunState
from tests.faults import witness
from tests.stories.world import CONFIG, FILES, RIGHT_AT_ONCE, World

REPO = "/repos/{owner}/{repo}"
CREATES = {"pull": f"{REPO}/pulls", "comment": f"{REPO}/issues/{{issue_number}}/comments", "check": f"{REPO}/check-runs"}
TROUBLES: dict[str, dict[str, Any]] = {
    "a 502 that did nothing": {"kind": "status", "status": 502},
    "a 502 that did it": {"kind": "status", "status": 502, "after": True},
    "a page of HTML": {"kind": "html", "status": 500},
    "half an answer": {"kind": "truncated", "after": True},
    "an empty answer": {"kind": "empty", "status": 201, "after": True},
    "a cut connection": {"kind": "cut"},
    "a connection cut after it was done": {"kind": "cut", "after": True},
}


def one_of_everything(world: World) -> None:
    """The run is done, and GitHub shows it once."""
    world.work_until_idle()
    for _ in range(4):
        world.pass_time(900)
    assert world.run.state is RunState.SUCCEEDED, world.run.reason
    assert len(world.github.pulls()) == 1
    assert world.status().startswith(f"**Slipway is done: the change is in #{world.github.pulls()[0].number}.**")
    assert [check.conclusion for check in world.github.checks()] == ["success"]
    assert world.github.labels(7) == {"slipway:done"}
    assert world.github.reactions(7) == ["eyes"]
    assert world.launches == 1


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("what", CREATES)
def test_what_is_created_is_created_once(world: World, what: str, trouble: dict[str, Any]) -> None:
    """Proves: 003-15, F71, F72, F76."""
    world.github.fail("POST", CREATES[what], **trouble)
    world.ask()
    one_of_everything(world)


@pytest.mark.parametrize("what", CREATES)
def test_what_github_does_not_show_yet_is_not_created_twice(world: World, what: str) -> None:
    """The answer is lost, and the next lists do not have what was made. Proves: F73."""
    world.github.lag(2)
    world.github.fail("POST", CREATES[what], kind="cut", after=True)
    world.ask()
    one_of_everything(world)


@pytest.mark.parametrize("reads", [1, 2, 50])
def test_a_label_whose_event_is_not_listed_yet_is_no_label_of_the_past(world: World, reads: int) -> None:
    """However long the list lags behind the webhook, the label is one run. Proves: F73, I03."""
    world.github.lag(reads)
    world.ask()
    world.github.lag(0)
    one_of_everything(world)
    assert len(world.runs) == 1


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("what", [*CREATES, "read"])
def test_a_limit_is_kept_to_the_second(world: World, what: str, status: int) -> None:
    """The world's end asks GitHub whether anybody called too early. Proves: F75."""
    method, route = ("POST", CREATES[what]) if what != "read" else ("GET", REPO)
    world.github.secondary_limit(method, route, retry_after=90, status=status)
    world.ask()
    one_of_everything(world)


def test_a_used_up_hour_is_waited_for(world: World) -> None:
    """Proves: F75."""
    world.github.exhaust(left=12, reset_in=1_500)
    world.ask()
    one_of_everything(world)


@pytest.mark.parametrize(("method", "what"), [("POST", "pull"), ("POST", "comment"), ("GET", "read")])
def test_a_token_refused_in_the_middle_is_replaced(world: World, method: str, what: str) -> None:
    """Proves: F77."""
    world.github.fail(method, CREATES.get(what, REPO), status=401, message="Bad credentials")
    world.ask()
    one_of_everything(world)


def test_tokens_revoked_during_the_run_are_replaced(world: World) -> None:
    """Proves: F77."""
    world.ask()
    world.at("Passed", world.github.revoke_tokens)
    one_of_everything(world)


@pytest.mark.parametrize(("form", "least", "most"), [("old", 40, 40), ("new", 500, 540)])
def test_tokens_of_either_form_serve_a_whole_run_and_stay_where_they_are(
    world: World, capfd: pytest.CaptureFixture[str], form: str, least: int, most: int
) -> None:
    """Not even GitHub's own words bring one into a file, a text, a callback or the log. Proves: F78, I11, T35."""
    minted = world.github.hub.tokens.minted
    world.github.hub.tokens.form = form

    def quoted() -> None:
        world.github.fail("POST", CREATES["pull"], message=f"who is {' or '.join(minted)}?")

    world.ask()
    world.at("FlowFinished", quoted)
    one_of_everything(world)
    assert world.events(world.run).count("Stumbled") == 1
    assert minted
    assert all(least <= len(token) <= most for token in minted)
    assert witness.wrong(world.ground.engine, world.settings.data_dir, world.github, list(minted)) == []
    said = "".join([*capfd.readouterr(), *(str(one.body) for one in world.callbacks())])
    assert "who is" in said
    assert [token for token in minted if token in said] == []


@pytest.mark.parametrize("after", [False, True])
def test_a_push_whose_answer_is_lost_is_the_same_push_again(world: World, *, after: bool) -> None:
    """Proves: F70."""
    world.github.fail("GIT", "/{owner}/{repo}.git/git-receive-pack", kind="cut", after=after)
    world.ask()
    one_of_everything(world)


def test_github_down_for_a_while_changes_nothing_but_the_time(world: World) -> None:
    """Proves: F71, F76."""
    world.ask()
    world.at("FlowFinished", lambda: world.github.fail("*", "*", times=60))
    one_of_everything(world)


def test_a_branch_nobody_may_make_ends_the_run_with_githubs_words(world: World) -> None:
    """Proves: F83."""
    world.ask()
    world.at("Passed", lambda: world.github.protect(f"slipway/7-greet-in-french-{world.run.short}"))
    world.work_until_idle()
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "push_refused")
    assert world.github.pulls() == []
    assert "Protected branch" in str(world.ground.reading.events(world.run.id)[-1]["payload"])


def test_a_pull_request_github_refuses_leaves_no_branch_behind(world: World) -> None:
    """Proves: F71, 003-08."""
    world.github.fail("POST", CREATES["pull"], status=403, message="Resource not accessible by integration", times=9)
    world.ask()
    world.work_until_idle()
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "pull_refused")
    assert world.github.branches() == {"main"}
    assert "Resource not accessible by integration" in world.status()


@pytest.mark.parametrize("after", [False, True])
def test_a_run_stopped_while_nobody_knows_what_github_did_leaves_nothing(world: World, *, after: bool) -> None:
    """The branch is there, and perhaps a pull request we have not seen; GitHub closes one whose branch is gone. Proves: F71, F79, I04."""
    world.github.fail("POST", CREATES["pull"], after=after)
    world.github.fail("GET", f"{REPO}/pulls", nth=2, times=60)
    world.ask()
    world.at("Stumbled", lambda: world.comment("/slipway stop"))
    world.work_until_idle()
    assert world.run.state is RunState.CANCELLED
    assert world.github.branches() == {"main"}
    assert [pull.state for pull in world.github.pulls()] == (["closed"] if after else [])


def test_a_delivery_given_up_leaves_no_branch(world: World) -> None:
    """Proves: F71, I04, 003-08."""
    world.github.fail("POST", CREATES["pull"], times=10_000)
    world.ask()
    world.work_until_idle()
    for _ in range(40):
        world.pass_time(3_000)
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "github_unavailable")
    assert world.github.branches() == {"main"}
    assert world.status().startswith("**Slipway could not finish this.**")


def test_where_best_effort_is_enough_a_delivery_given_up_is_a_warning(tmp_path: Path) -> None:
    """Proves: F71."""
    config = f"{CONFIG}delivery: {{mode: best_effort}}\n"
    with World(tmp_path, files={**FILES, ".github/slipway.yml": config}) as world:
        world.github.fail("POST", CREATES["pull"], times=10_000)
        world.ask()
        world.work_until_idle()
        for _ in range(40):
            world.pass_time(3_000)
        assert world.run.state is RunState.SUCCEEDED
        assert world.run.receipt and world.run.receipt.kind == "none"
        assert world.github.branches() == {"main"}
        assert world.status().startswith("**Slipway is done; the change was not delivered.**\n\n- Not delivered: ")


def test_a_locked_issue_is_worked_on_without_words(world: World) -> None:
    """Proves: F87."""
    world.github.open_issue("Greet in French", "", number=7)
    world.github.edit_issue(7, body=RIGHT_AT_ONCE)
    world.github.lock(7)
    world.github.add_label(7, "slipway")
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert (len(world.github.pulls()), world.github.comments(7)) == (1, [])


def test_a_deleted_status_comment_is_made_once_more_and_then_let_be(world: World) -> None:
    """Proves: F87."""
    world.ask()

    def delete() -> None:
        for comment in world.github.comments(7):
            world.github.delete_comment(comment.id)

    world.at("Prepared", delete)
    world.at("Passed", delete)
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert len(world.github.calls("POST", CREATES["comment"])) == 2
    assert world.github.comments(7) == []
