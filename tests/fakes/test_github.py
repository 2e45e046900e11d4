"""The fake GitHub itself: what it refuses and remembers, seen through plain HTTP and git."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.fakes.github import FakeGitHub, PullRequest
from tests.fakes.github.__main__ import obey


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        fake.add_repository("acme/widgets")
        fake.open_issue("Say hello", number=7)
        yield fake


def token(github: FakeGitHub, **narrowed: object) -> str:
    now = int(github.hub.now())
    claims = {"iat": now - 60, "exp": now + 400, "iss": github.app_id}
    app = jwt.encode(claims, github.private_key, algorithm="RS256")
    url = f"{github.url}/app/installations/{github.installation().id}/access_tokens"
    answer = httpx.post(url, json=narrowed, headers={"authorization": f"Bearer {app}"}, trust_env=False)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def api(github: FakeGitHub, **narrowed: object) -> httpx.Client:
    return httpx.Client(base_url=github.url, headers={"authorization": f"token {token(github, **narrowed)}"}, trust_env=False)


def push(github: FakeGitHub, folder: Path, secret: str, branch: str, path: str = "fix.txt") -> subprocess.CompletedProcess[str]:
    url = f"{github.url}/acme/widgets.git".replace("://", f"://x-access-token:{secret}@")
    script = 'git clone -q "$1" w && cd w && git checkout -qB "$2" && mkdir -p "$(dirname "$3")" && echo x >"$3" && git add . '
    script += '&& git -c user.name=a -c user.email=a@b commit -qm x && git push -q origin "HEAD:$2"'
    command = ["sh", "-c", script, "sh", url, branch, path]
    folder.mkdir()
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_call_that_github_does_not_have_is_a_violation(github: FakeGitHub) -> None:
    with api(github) as client:
        assert client.put("/repos/acme/widgets/pulls/8/merge", json={}).status_code == 599
        assert client.post("/repos/acme/widgets/issues/7/comments", json={"body": "x", "colour": "red"}).status_code == 599
    assert github.violations == [
        "PUT /repos/acme/widgets/pulls/8/merge is not in the table of routes",
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments with unknown fields ['colour']",
    ]


def test_a_narrowed_token_does_no_more_than_it_was_narrowed_to(github: FakeGitHub) -> None:
    other = github.add_repository("acme/gadgets")
    github.open_issue(number=1, repo=other)
    with api(github, repository_ids=[github.repo().id], permissions={"issues": "read"}) as client:
        assert client.get("/repos/acme/widgets/issues/7").status_code == 200
        assert client.post("/repos/acme/widgets/issues/7/comments", json={"body": "hi"}).status_code == 403
        assert client.get("/repos/acme/gadgets/issues/1").status_code == 404


@pytest.mark.parametrize(("form", "length"), [("old", 40), ("new", 518)])
def test_both_forms_of_token_push_and_open_a_pull_request(github: FakeGitHub, tmp_path: Path, form: str, length: int) -> None:
    """Proves: F78."""
    github.hub.tokens.form = form
    secret = token(github)
    assert len(secret) == length
    assert push(github, tmp_path / "work", secret, "fix").returncode == 0
    with api(github) as client:
        body = {"title": "Fix", "body": "Closes #7", "head": "fix", "base": "main", "draft": True}
        assert client.post("/repos/acme/widgets/pulls", json=body).status_code == 201
        again = client.post("/repos/acme/widgets/pulls", json=body)
    assert again.status_code == 422
    assert again.json()["errors"][0]["message"] == "A pull request already exists for acme:fix."
    assert github.pulls_for(issue=7) == [PullRequest(head="fix", draft=True)]


def test_a_push_needs_contents_write_and_keeps_off_workflows_and_protected_branches(github: FakeGitHub, tmp_path: Path) -> None:
    reader = token(github, permissions={"contents": "read"})
    assert "403" in push(github, tmp_path / "a", reader, "fix").stderr
    writer = token(github)
    assert "without `workflows` permission" in push(github, tmp_path / "b", writer, "fix", ".github/workflows/x.yml").stderr
    github.protect("main")
    assert "GH006" in push(github, tmp_path / "c", writer, "main").stderr
    assert github.branches() == {"main"}


def test_a_fault_after_the_effect_loses_the_answer_and_not_the_change(github: FakeGitHub) -> None:
    template = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
    github.fail("POST", template, "cut", after=True)
    github.fail("POST", template, status=502, nth=2)
    with api(github) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/repos/acme/widgets/issues/7/comments", json={"body": "one"})
        assert client.post("/repos/acme/widgets/issues/7/comments", json={"body": "two"}).status_code == 502
    assert [comment.body for comment in github.comments(7)] == ["one"]
    assert [(call.fault, call.status) for call in github.calls("POST", template)] == [("", 201), ("status", 502)]


def test_an_unsent_webhook_stays_in_the_list_until_it_is_redelivered(github: FakeGitHub) -> None:
    sent = github.add_label(issue=7, name="slipway", by="maintainer", deliver=False)
    again = github.redeliver(sent)
    assert (again.guid, again.redelivery, again.payload) == (sent.guid, True, sent.payload)


def test_the_hand_driven_one_does_what_it_is_told(github: FakeGitHub) -> None:
    assert obey(github, "label 7 slipway:fix") == "webhook answered 0"
    assert github.labels(7) == {"slipway:fix"}
    assert obey(github, 'issue "Another one"') == "issue #8"
    assert "not understood" in obey(github, "dance")
