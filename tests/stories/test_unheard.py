"""What is not for us, or not from whom we listen to, starts nothing."""

import pytest

from tests.fakes.github.state import User
from tests.stories.world import RIGHT_AT_ONCE, World

NOT_A_COMMAND = {
    "quoted": "> /slipway run",
    "in a code block": "```\n/slipway run\n```",
    "in an indented line": "    /slipway run",
    "in an HTML comment": "<!--\n/slipway run\n-->",
    "inline": "please `/slipway run` this",
    "in a sentence": "I would /slipway run this",
    "below a mail's footer": "Thanks!\n\n-- \n/slipway run",
    "another word": "/slipways run",
}
MISTAKES = {
    "/slipway stopp": "There is no command `stopp`. Did you mean `/slipway stop`? ",
    "/slipway run --agnet=scripted": "There is no option `--agnet`, so nothing was done. Did you mean `--agent`? ",
    "/slipway status now": "`/slipway status` takes no words after it, so nothing was done.",
    "/slipway review": "`/slipway review` needs a pull request, and this is an issue, so nothing was started. Ask on the pull request.",
    "/slipway run --sha=0123456": "`--sha` needs a pull request, and this is an issue",
}


@pytest.fixture
def asked(world: World) -> World:
    """An issue that could be worked on."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    return world


@pytest.mark.parametrize("text", NOT_A_COMMAND.values(), ids=NOT_A_COMMAND)
def test_words_that_are_not_a_command_start_nothing(asked: World, text: str) -> None:
    """Proves: F88."""
    asked.comment(text)
    assert (asked.runs, asked.github.writes()) == ([], [])


@pytest.mark.parametrize(("text", "answer"), MISTAKES.items())
def test_a_mistaken_command_is_answered_and_never_guessed_at(asked: World, text: str, answer: str) -> None:
    asked.comment(text)
    (said,) = asked.answers()
    assert said.startswith(answer)
    assert asked.runs == []


def test_an_edited_comment_is_not_a_command(asked: World) -> None:
    said = asked.comment("Nice weather.")
    told = asked.github.edit_comment(said.id, "/slipway run")
    asked.take_in()
    assert (told.status_code, '"ignored"' in told.answer) == (202, True)
    assert asked.runs == []


@pytest.mark.parametrize("login", ["slipway[bot]", "helpful[bot]"])
def test_neither_we_nor_another_bot_can_give_a_command(asked: World, login: str) -> None:
    """Proves: F88, T06."""
    if login == "helpful[bot]":
        asked.github.hub.enrol(User(4_242, login, "Bot"))
        asked.github.collaborator(login, "admin")
    asked.comment("/slipway run", by=login)
    assert (asked.runs, asked.github.writes()) == ([], [])
    whose = "our own doing" if login == "slipway[bot]" else f"{login} is a bot that the operator has not let in"
    assert asked.inbox()[-1]["reason"] == whose


@pytest.mark.parametrize("role", ["none", "read", "triage"])
def test_whoever_may_not_write_is_told_so_once(asked: World, role: str) -> None:
    """Proves: 002-17."""
    asked.github.collaborator("visitor", role)
    asked.comment("/slipway run", by="visitor")
    asked.comment("/slipway run", by="visitor")
    assert asked.runs == []
    assert asked.answers() == [
        f"`visitor` has the role `{role}` here, and `/slipway run` needs at least `write`, so nothing was done. "
        "Somebody with that role can ask for it instead."
    ]


def test_a_label_put_on_by_somebody_without_the_right_starts_nothing(asked: World) -> None:
    asked.github.collaborator("visitor", "triage")
    asked.github.add_label(7, "slipway", by="visitor")
    asked.work_until_idle()
    assert asked.runs == []
    assert "the label `slipway` needs at least `write`" in asked.answers()[0]


def test_another_label_is_none_of_our_business(asked: World) -> None:
    told = asked.github.add_label(7, "bug")
    asked.work_until_idle()
    assert asked.became_of(told) == ("ignored", "the label 'bug' names no flow")
    assert asked.github.writes() == []


def test_a_command_on_a_closed_issue_is_answered(asked: World) -> None:
    asked.github.close(7)
    asked.comment("/slipway run")
    assert asked.answers() == ["This issue is closed, so nothing was started. Open it again, then ask again."]


def test_a_permission_nobody_can_tell_is_no_permission(asked: World) -> None:
    """Doubt is no, and it is looked at again later."""
    asked.github.fail("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", times=9)
    asked.comment("/slipway run")
    assert (asked.runs, asked.inbox()[-1]["state"]) == ([], "pending")
    asked.pass_time(60)
    assert len(asked.runs) == 1
