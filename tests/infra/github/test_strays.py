"""Of what stands twice on GitHub one is kept, and nothing of anybody else's is touched."""

from delivery.manager import CheckText
from infra.github.strays import GitHubStrays
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client

MARK = "<!-- mark -->"


def test_the_oldest_comment_of_ours_is_kept_and_nobody_elses_is_removed(fake: FakeGitHub, client: Client) -> None:
    """Proves: F28, I04."""
    strays = GitHubStrays(client.github, client.app)
    assert strays.comments(client.repository, 7, MARK) is None
    fake.comment(7, f"I can write that too {MARK}", by="eve", deliver=False)
    first = client.board.comment(client.repository, 7, f"at work {MARK}")
    other = client.board.comment(client.repository, 7, "another run's")
    for _ in range(2):
        client.board.comment(client.repository, 7, f"at work {MARK}")
    for _ in range(2):
        assert strays.comments(client.repository, 7, MARK) == first
        assert [comment.id for comment in fake.comments(7)] == [first, other]
    assert len(fake.comments(7, mine=False)) == 3


def test_the_newest_check_run_is_kept_and_the_others_leave_the_runs_name(fake: FakeGitHub, client: Client) -> None:
    """Proves: F28, I04."""
    strays, sha = GitHubStrays(client.github, client.app), fake.sha() or ""
    assert strays.checks(client.repository, sha, "run-1") is None
    begun = [client.board.start_check(client.repository, sha, "run-1", None, CheckText("At work", "Step 1")) for _ in range(2)]
    client.board.start_check(client.repository, sha, "run-2", None, CheckText("At work", "Step 1"))
    for _ in range(2):
        assert strays.checks(client.repository, sha, "run-1") == begun[1]
        found = [(check.external_id, check.status, check.conclusion) for check in fake.checks(sha)]
        assert found == [
            ("run-1:superseded", "completed", "neutral"), ("run-1", "in_progress", None), ("run-2", "in_progress", None),
        ]  # fmt: skip
    assert fake.checks(sha)[0].title == "Superseded by a newer check"
