"""The fake GitHub speaks as GitHub's published schema says: every route's answer, every request field, every webhook."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from githubkit_schemas.latest import models, webhooks
from pydantic import BaseModel, TypeAdapter, ValidationError

from infra.github.routes import Route as Called
from tests.fakes.github import FakeGitHub
from tests.fakes.github.gate import find
from tests.fakes.github.routes import APP, NOBODY, PERSON, REPO, ROUTES
from tests.fakes.github.state import SignIn

m = models
OUTPUT = {"title": "t", "summary": "s", "text": "x"}
ANNOTATION = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m", "title": "t"}


@dataclass(frozen=True)
class Case:
    """A call of a route on the scene below, the schema of its answer, and that of its request."""

    method: str
    path: str
    answer: Any
    status: int = 200
    sent: dict[str, Any] | None = None
    body: type[BaseModel] | None = None
    query: str = ""


CASES = [
    Case("GET", "/app", m.Integration),
    Case("GET", "/app/installations", list[m.Installation]),
    Case("GET", "/app/installations/{installation}", m.Installation),
    Case("POST", "/app/installations/{installation}/access_tokens", m.InstallationToken, 201,
         {"repository_ids": [], "permissions": {"issues": "read"}}, m.AppInstallationsInstallationIdAccessTokensPostBody),
    Case("GET", "/app/hook/deliveries", list[m.HookDeliveryItem]),
    Case("GET", "/app/hook/deliveries/{delivery}", m.HookDelivery),
    Case("POST", "/app/hook/deliveries/{delivery}/attempts", m.AppHookDeliveriesDeliveryIdAttemptsPostResponse202, 202),
    Case("GET", f"{REPO}/installation", m.Installation),
    Case("GET", "/installation/repositories", m.InstallationRepositoriesGetResponse200),
    Case("GET", "/users/{bot}", m.PublicUser),
    Case("POST", "/app-manifests/{code}/conversions", m.AppManifestsCodeConversionsPostResponse201, 201),
    Case("GET", "/user", m.PublicUser),
    Case("GET", "/user/installations", m.UserInstallationsGetResponse200),
    Case("GET", "/user/installations/{installation}/repositories", m.UserInstallationsInstallationIdRepositoriesGetResponse200),
    Case("GET", "/orgs/acme/teams/core/memberships/ada", m.TeamMembership),
    Case("GET", f"{REPO}/pulls/8/comments", list[m.PullRequestReviewComment]),
    Case("POST", f"{REPO}/pulls/comments/{{beside}}/reactions", m.Reaction, 201, {"content": "eyes"},
         m.ReposOwnerRepoPullsCommentsCommentIdReactionsPostBody),
    Case("POST", f"{REPO}/pulls/{{pull}}/comments/{{beside}}/replies", m.PullRequestReviewComment, 201, {"body": "x"},
         m.ReposOwnerRepoPullsPullNumberCommentsCommentIdRepliesPostBody),
    Case("GET", "/repositories/{id}", m.FullRepository),
    Case("GET", REPO, m.FullRepository),
    Case("GET", f"{REPO}/contents/README.md", m.ContentFile),
    Case("GET", f"{REPO}/git/ref/heads/main", m.GitRef),
    Case("GET", f"{REPO}/collaborators/maintainer/permission", m.RepositoryCollaboratorPermission),
    Case("GET", f"{REPO}/issues", list[m.Issue], query="?state=all"),
    Case("GET", f"{REPO}/issues/comments", list[m.IssueComment]),
    Case("GET", f"{REPO}/pulls/comments", list[m.PullRequestReviewComment]),
    Case("GET", f"{REPO}/issues/comments/{{comment}}", m.IssueComment),
    Case("PATCH", f"{REPO}/issues/comments/{{comment}}", m.IssueComment, 200, {"body": "x"},
         m.ReposOwnerRepoIssuesCommentsCommentIdPatchBody),
    Case("POST", f"{REPO}/issues/comments/{{comment}}/reactions", m.Reaction, 201, {"content": "eyes"},
         m.ReposOwnerRepoIssuesCommentsCommentIdReactionsPostBody),
    Case("GET", f"{REPO}/issues/7", m.Issue),
    Case("PATCH", f"{REPO}/issues/7", m.Issue, 200, {"milestone": 1}, m.ReposOwnerRepoIssuesIssueNumberPatchBody),
    Case("GET", f"{REPO}/issues/7/events", list[m.LabeledIssueEvent | m.UnlabeledIssueEvent]),
    Case("GET", f"{REPO}/issues/7/comments", list[m.IssueComment]),
    Case("POST", f"{REPO}/issues/7/comments", m.IssueComment, 201, {"body": "x"}, m.ReposOwnerRepoIssuesIssueNumberCommentsPostBody),
    Case("GET", f"{REPO}/issues/7/labels", list[m.Label]),
    Case("POST", f"{REPO}/issues/7/labels", list[m.Label], 200, {"labels": ["new"]}, m.ReposOwnerRepoIssuesIssueNumberLabelsPostBodyOneof0),
    Case("DELETE", f"{REPO}/issues/7/labels/bug", list[m.Label]),
    Case("POST", f"{REPO}/issues/7/assignees", m.Issue, 201, {"assignees": ["maintainer"]},
         m.ReposOwnerRepoIssuesIssueNumberAssigneesPostBody),
    Case("POST", f"{REPO}/issues/7/reactions", m.Reaction, 201, {"content": "eyes"}, m.ReposOwnerRepoIssuesIssueNumberReactionsPostBody),
    Case("GET", f"{REPO}/pulls", list[m.PullRequestSimple], query="?state=all"),
    Case("POST", f"{REPO}/pulls", m.PullRequest, 201, {"title": "t", "body": "b", "head": "other", "base": "main", "draft": True},
         m.ReposOwnerRepoPullsPostBody),
    Case("GET", f"{REPO}/pulls/8", m.PullRequest),
    Case("PATCH", f"{REPO}/pulls/8", m.PullRequest, 200, {"title": "t", "body": "b"}, m.ReposOwnerRepoPullsPullNumberPatchBody),
    Case("POST", f"{REPO}/pulls/8/requested_reviewers", m.PullRequestSimple, 201, {"reviewers": ["ada"]},
         m.ReposOwnerRepoPullsPullNumberRequestedReviewersPostBodyAnyof0),
    Case("GET", f"{REPO}/commits/{{sha}}/check-runs", m.ReposOwnerRepoCommitsRefCheckRunsGetResponse200),
    Case("GET", f"{REPO}/commits/{{sha}}/check-suites", m.ReposOwnerRepoCommitsRefCheckSuitesGetResponse200),
    Case("GET", f"{REPO}/commits/{{sha}}/status", m.CombinedCommitStatus),
    Case("POST", f"{REPO}/check-runs", m.CheckRun, 201,
         {"name": "slipway", "head_sha": "{sha}", "external_id": "r", "status": "in_progress", "output": OUTPUT},
         m.ReposOwnerRepoCheckRunsPostBodyOneof1),
    Case("GET", f"{REPO}/check-runs/{{check}}", m.CheckRun),
    Case("PATCH", f"{REPO}/check-runs/{{check}}", m.CheckRun, 200, {"status": "completed", "conclusion": "failure",
         "output": {**OUTPUT, "annotations": [ANNOTATION]}}, m.ReposOwnerRepoCheckRunsCheckRunIdPatchBodyAnyof0),
    Case("GET", f"{REPO}/check-runs/{{check}}/annotations", list[m.CheckAnnotation]),
    Case("DELETE", f"{REPO}/issues/comments/{{comment}}", None, 204),
]  # fmt: skip


UNPUBLISHED = {
    ("POST", "/login/oauth/access_token"),  # not part of the REST API
    ("GET", f"{REPO}/actions/jobs/{{job_id}}/logs"),  # a redirect
    ("GET", "/_logs/{job_id}"),  # where that leads is nobody's promise
}


@dataclass(frozen=True)
class Scene:
    """A repository with one of everything."""

    github: FakeGitHub
    names: dict[str, str]
    jwt: str
    token: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with FakeGitHub(tmp_path_factory.mktemp("github")) as github:
        yield _scene(github)
        github.check()


def _scene(github: FakeGitHub) -> Scene:
    repo = github.add_repository("acme/widgets")
    github.collaborator("ada", "write")
    github.milestone("1.0")
    github.open_issue("Say hello", number=7)
    github.add_label(7, "bug")
    github.remove_label(7, "bug")
    delivery = github.add_label(7, "bug")
    comment = github.comment(7, "hello")
    sha = github.push("fix", {"a": "1"})
    github.push("other", {"a": "2"})
    beside = github.review(github.open_pull("fix", draft=True), "Why?", path="a", line=1)
    github.team("acme/core", "ada")
    check = github.ci(sha, "success")
    github.status(sha, "success")
    now = int(github.hub.now())
    app = jwt.encode({"iat": now - 60, "exp": now + 500, "iss": github.app_id}, github.private_key, algorithm="RS256")
    installation = github.installation().id
    url = f"{github.url}/app/installations/{installation}/access_tokens"
    token = httpx.post(url, headers={"authorization": f"Bearer {app}"}, trust_env=False).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    body = {"name": "slipway", "head_sha": sha, "output": {**OUTPUT, "annotations": [ANNOTATION]}}
    check = httpx.post(f"{github.url}/repos/acme/widgets/check-runs", json=body, headers=headers, trust_env=False).json()
    names = {"owner": "acme", "repo": "widgets", "id": repo.id, "installation": installation, "delivery": delivery.id, "sha": sha}
    github.hub.sign_ins["x"] = SignIn(github.hub.user("ada"), "", "gho_ada")
    names |= {"person": "gho_ada", "code": github.submit_manifest()}
    names |= {"comment": comment.id, "beside": beside.id, "pull": beside.number, "check": check["id"], "bot": "slipway[bot]"}
    return Scene(github, {key: str(value) for key, value in names.items()}, app, token)


def ask(scene: Scene, case: Case) -> httpx.Response:
    path = case.path.format(**scene.names)
    found = find(case.method, path)
    assert found, f"{case.method} {path} is not a route of the fake"
    sent = case.sent
    if sent and "head_sha" in sent:
        sent = {**sent, "head_sha": scene.names["sha"]}
    secrets = {APP: scene.jwt, PERSON: scene.names["person"]}
    headers = {} if found[0].needs == NOBODY else {"authorization": f"Bearer {secrets.get(found[0].needs, scene.token)}"}
    with httpx.Client(base_url=scene.github.url, headers=headers, trust_env=False) as client:
        return client.request(case.method, path + case.query, json=sent)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path}")
def test_an_answer_of_the_fake_is_one_of_githubs(scene: Scene, case: Case) -> None:
    """Proves: 000-01."""
    answer = ask(scene, case)
    assert answer.status_code == case.status, answer.text
    TypeAdapter(case.answer).validate_json(answer.content or "null")


def test_every_route_of_the_fake_has_its_case() -> None:
    covered = {(route.method, route.template) for case in CASES if (found := find(case.method, case.path)) for route in [found[0]]}
    assert {(route.method, route.template) for route in ROUTES} - covered == UNPUBLISHED


def test_every_route_the_service_calls_is_one_of_the_fakes() -> None:
    """Proves: T21."""
    missing = [route.value for route in Called if not find(route.value.method, _plain(route.value.template))]
    assert missing == []


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.fields and (route.method, route.template) not in UNPUBLISHED],
    ids=lambda route: f"{route.method} {route.template}",
)
def test_a_field_the_fake_takes_is_one_of_githubs(route: Any) -> None:
    case = next(case for case in CASES if case.body and (found := find(case.method, case.path)) and found[0] == route)
    assert case.body
    known = {field.alias or name for name, field in case.body.model_fields.items()}
    assert route.fields - known == set()
    case.body.model_validate({**(case.sent or {}), **({"head_sha": "0" * 40} if "head_sha" in route.fields else {})})


EVENTS: dict[str, Any] = {
    "issues": webhooks.IssuesEvent,
    "issue_comment": webhooks.IssueCommentEvent,
    "pull_request": webhooks.PullRequestEvent,
    "pull_request_review": webhooks.PullRequestReviewEvent,
    "pull_request_review_comment": webhooks.PullRequestReviewCommentEvent,
    "push": webhooks.PushEvent,
    "check_run": webhooks.CheckRunEvent,
    "check_suite": webhooks.CheckSuiteEvent,
    "status": webhooks.StatusEvent,
    "workflow_run": webhooks.WorkflowRunEvent,
    "repository": webhooks.RepositoryEvent,
    "installation": webhooks.InstallationEvent,
    "installation_repositories": webhooks.InstallationRepositoriesEvent,
}


def test_a_webhook_of_the_fake_is_one_of_githubs(tmp_path: Path) -> None:
    """Proves: 000-01."""
    with FakeGitHub(tmp_path / "github") as github:
        github.hub.app.events = tuple(EVENTS)
        scene = _scene(github)
        _act(github, int(scene.names["check"]), scene.names["sha"])
        github.settle()
    wrong = []
    for delivery in github.deliveries:
        try:
            TypeAdapter(EVENTS[delivery.event]).validate_python(delivery.payload)
        except ValidationError as error:
            wrong.append(f"{delivery.event} {delivery.action}: {_closest(error, delivery.action)}")
    assert wrong == []
    assert {delivery.event for delivery in github.deliveries} == EVENTS.keys()


def _act(github: FakeGitHub, check: int, sha: str) -> None:
    """One of everything people do."""
    comment = github.comment(8, "on a pull request")
    github.edit_comment(comment.id, "changed")
    github.delete_comment(comment.id)
    beside = github.review(github.issue(8), "Why?", path="a", line=1)
    github.edit_review(github.issue(8), beside, "Why so?")
    github.submit_review(github.issue(8), "Well.")
    github.add_label(8, "bug")
    github.remove_label(8, "bug")
    github.push("fix", {"a": "3"})
    github.push("fix", {"a": "4"}, force=True)
    github.rerequest(check)
    github.rerequest_suite(sha)
    github.repo().checks[check].actions = [{"label": "Stop", "description": "Stop it", "identifier": "stop"}]
    github.press(check, "stop")
    github.ci(sha, None)
    github.ci(sha, "failure")
    github.workflow(sha, None)
    github.workflow(sha, "success")
    github.close(7)
    github.reopen(7)
    github.close(8, merged=True)
    github.delete_branch("fix")
    github.rename("gears")
    github.archive()
    github.suspend()
    github.unsuspend()
    github.add_repository("acme/spare")
    github.deselect(repo="acme/spare")
    github.uninstall()


def _plain(template: str) -> str:
    """A URI template with something in each of its places."""
    return template.partition("{?")[0].replace("{id}", "1").replace("{+path}", "x").replace("{", "").replace("}", "")


def _closest(error: ValidationError, action: str | None) -> list[str]:
    """The complaints about the type that was meant, out of those about every type of the union."""
    meant = [e for e in error.errors() if (action or "").title().replace("_", "") in str(e["loc"][0])] or error.errors()
    return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in meant[:4]]
