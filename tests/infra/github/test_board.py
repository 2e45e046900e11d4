"""Reactions, the status comment, labels and check runs through the real client."""

from typing import Any

import pytest

from delivery.manager import CheckText
from jobs.errors import Refused
from jobs.evidence import Finding
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client

PATCH = ("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}")


def findings(count: int) -> tuple[Finding, ...]:
    return tuple(Finding("lint", f"line {number} is too long", "a.py", number) for number in range(1, count + 1))


def test_the_same_reaction_again_changes_nothing(fake: FakeGitHub, client: Client) -> None:
    comment = fake.comment(7, "/slipway fix", deliver=False).id
    for _ in range(2):
        client.board.react(client.repository, 7, None, "eyes")
        client.board.react(client.repository, 7, comment, "rocket")
    assert fake.reactions(7) == ["eyes"]
    assert fake.reactions(7, comment=comment) == ["rocket"]


def test_our_comment_is_found_by_its_marker_and_its_author(fake: FakeGitHub, client: Client) -> None:
    """Proves: F87, T22."""
    for _ in range(120):
        fake.comment(7, "chatter <!-- mark -->", by="eve", deliver=False)
    assert client.board.find_comment(client.repository, 7, "<!-- mark -->") is None
    ours = client.board.comment(client.repository, 7, "at work <!-- mark -->")
    assert client.board.find_comment(client.repository, 7, "<!-- mark -->") == ours
    assert client.board.edit_comment(client.repository, ours, "done <!-- mark -->")
    assert [comment.body for comment in fake.comments(7)] == ["done <!-- mark -->"]
    fake.delete_comment(ours, deliver=False)
    assert not client.board.edit_comment(client.repository, ours, "done")


def test_an_answer_beside_a_line_is_in_its_thread_and_found_there(fake: FakeGitHub, client: Client) -> None:
    """Proves: F87, I04."""
    fake.push("topic", {"a.py": "1\n"}, deliver=False)
    pull = fake.open_pull("topic", deliver=False)
    first = fake.review(pull, "/slipway hlep", path="a.py", line=1, deliver=False)
    fake.review(pull, "mine <!-- mark -->", path="a.py", line=1, by="eve", deliver=False)
    assert client.board.find_comment(client.repository, pull.number, "<!-- mark -->", beside=True) is None
    ours = client.board.comment(client.repository, pull.number, "Help. <!-- mark -->", thread=first.id)
    assert client.board.find_comment(client.repository, pull.number, "<!-- mark -->", beside=True) == ours
    assert client.board.find_comment(client.repository, pull.number, "<!-- mark -->") is None
    assert [(one.id, one.answers) for one in fake.beside(pull.number)] == [(ours, first.id)]
    for _ in range(2):
        client.board.react(client.repository, pull.number, first.id, "eyes", beside=True)
    assert [one.content for one in first.reactions] == ["eyes"]
    with pytest.raises(Refused):
        client.board.comment(client.repository, pull.number, "To nobody.", thread=ours + 1)


def test_a_locked_item_is_refused(fake: FakeGitHub, client: Client) -> None:
    """Proves: F87."""
    fake.lock(7)
    with pytest.raises(Refused, match="locked") as refused:
        client.board.comment(client.repository, 7, "hello")
    assert refused.value.reason.code == "github_refused"


def test_labels_come_and_go_and_what_is_not_there_is_fine(fake: FakeGitHub, client: Client) -> None:
    fake.add_label(7, "slipway:fix", deliver=False)
    client.board.set_labels(client.repository, 7, add=["slipway:running"], remove=["slipway:fix", "slipway:done", "no such / label"])
    assert fake.labels(7) == {"slipway:running"}


def test_a_check_run_goes_from_start_to_conclusion(fake: FakeGitHub, client: Client) -> None:
    sha = fake.sha() or ""
    assert client.board.find_check(client.repository, sha, "run-1") is None
    check = client.board.start_check(client.repository, sha, "run-1", "http://127.0.0.1:1/runs/1", CheckText("At work", "Step 1"))
    other = client.board.start_check(client.repository, sha, "run-2", None, CheckText("At work", "Step 1"))
    assert client.board.find_check(client.repository, sha, "run-1") == check
    assert client.board.find_check(client.repository, sha, "run-2") == other
    buttons = ({"label": "Retry", "description": "Start again", "identifier": "retry"},)
    text = CheckText("Failed", "2 gates", "details", findings(120), buttons)
    client.board.update_check(client.repository, check, text, conclusion="failure")
    kept = fake.checks(sha)[0]
    assert (kept.status, kept.conclusion, kept.title, kept.summary) == ("completed", "failure", "Failed", "2 gates")
    assert [annotation["start_line"] for annotation in kept.annotations] == list(range(1, 121))
    assert [call.body["status"] for call in fake.calls(*PATCH)] == ["in_progress", "in_progress", "completed"]


def test_a_conclusion_told_twice_does_not_double_its_annotations(fake: FakeGitHub, client: Client) -> None:
    """Proves: F86."""
    sha = fake.sha() or ""
    check = client.board.start_check(client.repository, sha, "run-1", None, CheckText("At work", "Step 1"))
    text = CheckText("Failed", "2 gates", annotations=findings(60))
    fake.fail(*PATCH, "cut", after=True, nth=2)
    with pytest.raises(Exception, match="could not be reached"):
        client.board.update_check(client.repository, check, text, conclusion="failure")
    client.board.update_check(client.repository, check, text, conclusion="failure")
    assert len(fake.checks(sha)[0].annotations) == 60
    assert fake.checks(sha)[0].conclusion == "failure"


def test_an_annotation_github_does_not_take_does_not_cost_the_conclusion(fake: FakeGitHub, client: Client) -> None:
    """Proves: F86."""
    sha = fake.sha() or ""
    check = client.board.start_check(client.repository, sha, "run-1", None, CheckText("At work", "Step 1"))
    fake.fail(*PATCH, status=422, message="Invalid request")
    client.board.update_check(client.repository, check, CheckText("Failed", "x", annotations=findings(1)), conclusion="failure")
    assert (fake.checks(sha)[0].conclusion, fake.checks(sha)[0].annotations) == ("failure", [])


@pytest.mark.parametrize("mark", ["x", "ü", "😀"])
def test_long_texts_are_cut_on_a_character(fake: FakeGitHub, client: Client, mark: str) -> None:
    """Proves: F86."""
    long = mark * 70_000
    sha = fake.sha() or ""
    check = client.board.start_check(client.repository, sha, "run-1", None, CheckText(long, long, long))
    client.board.update_check(client.repository, check, CheckText(long, long, long), conclusion="success")
    comment = client.board.comment(client.repository, 7, long)
    kept: list[Any] = [fake.checks(sha)[0].summary, fake.checks(sha)[0].text, fake.repo().comments[comment].body]
    assert all(text.endswith(mark + "…") and set(text) == {mark, "…"} for text in kept)


def test_findings_without_a_place_are_left_to_the_summary(fake: FakeGitHub, client: Client) -> None:
    sha = fake.sha() or ""
    text = CheckText("Failed", "x", annotations=(Finding("tests", "2 tests fail"), Finding("size", "too large", "big.bin", level="odd")))
    client.board.start_check(client.repository, sha, "run-1", None, text)
    assert [(a["path"], a["start_line"], a["annotation_level"]) for a in fake.checks(sha)[0].annotations] == [("big.bin", 1, "failure")]
