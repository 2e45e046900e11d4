"""What the repository's own CI says of a commit."""

import pytest

from delivery.manager import CheckText
from infra.github.ci import CiCheck, GitHubCi
from jobs.evidence import Finding
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client


@pytest.fixture
def ci(client: Client) -> GitHubCi:
    return GitHubCi(client.github, client.app)


def test_our_own_check_is_none_of_the_repositorys(fake: FakeGitHub, client: Client, ci: GitHubCi) -> None:
    sha = fake.sha() or ""
    client.board.start_check(client.repository, sha, "run-1", None, CheckText("At work", "x"))
    assert ci.checks(client.repository, sha) == []


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        (None, "pending"),
        ("success", "passed"),
        ("neutral", "passed"),
        ("skipped", "passed"),
        ("failure", "failed"),
        ("timed_out", "failed"),
    ],
)
def test_a_check_run_is_pending_passed_or_failed(
    fake: FakeGitHub, client: Client, ci: GitHubCi, conclusion: str | None, state: str
) -> None:
    sha = fake.sha() or ""
    run = fake.ci(sha, conclusion, name="tests", summary="2 fail")
    url = f"{fake.url}/acme/widgets/runs/{run.id}"
    assert ci.checks(client.repository, sha) == [CiCheck("tests", state, "tests – 2 fail", url, run.id, job=True)]


@pytest.mark.parametrize(("given", "state"), [("pending", "pending"), ("success", "passed"), ("failure", "failed"), ("error", "failed")])
def test_a_commit_status_counts_like_a_check(fake: FakeGitHub, client: Client, ci: GitHubCi, given: str, state: str) -> None:
    sha = fake.sha() or ""
    fake.status(sha, "pending", context="old-ci")
    fake.status(sha, given, context="old-ci")
    assert ci.checks(client.repository, sha) == [CiCheck("old-ci", state)]


def test_a_failed_job_comes_with_its_annotations_and_the_end_of_its_log(fake: FakeGitHub, client: Client, ci: GitHubCi) -> None:
    sha = fake.sha() or ""
    marks = [{"path": "a.py", "start_line": 3, "end_line": 3, "annotation_level": "failure", "message": "wrong"}]
    run = fake.ci(sha, "failure", name="tests", annotations=marks)
    fake.job_log(run.id, "x" * 20_000 + "\nAssertionError")
    (check,) = ci.checks(client.repository, sha)
    place, log = ci.findings(client.repository, check)
    assert place == Finding("tests", "wrong", "a.py", 3, "failure")
    assert log.message.startswith("The end of its log:\nxxx")
    assert log.message.endswith("\nAssertionError")
    assert len(log.message) < 17_000


def test_a_failed_check_without_either_says_its_summary(fake: FakeGitHub, client: Client, ci: GitHubCi) -> None:
    sha = fake.sha() or ""
    fake.ci(sha, "failure", name="tests", summary="2 tests fail")
    (check,) = ci.checks(client.repository, sha)
    assert ci.findings(client.repository, check) == [Finding("tests", "tests failed. tests – 2 tests fail")]
    assert ci.findings(client.repository, CiCheck("old-ci", "failed", "broken")) == [Finding("old-ci", "old-ci failed. broken")]
