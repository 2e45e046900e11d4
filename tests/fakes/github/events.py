"""Webhook payloads: what happened, told with the whole objects, as GitHub tells it."""

from typing import Any

from tests.fakes.github.hub import Hub
from tests.fakes.github.shapes import node, stamp
from tests.fakes.github.state import (
    CheckRun,
    Comment,
    CommitStatus,
    Installation,
    Issue,
    Label,
    Repository,
    Review,
    ReviewComment,
    User,
    Workflow,
)

Json = dict[str, Any]


def _told(hub: Hub, repo: Repository, sender: User, **parts: Any) -> Json:
    installation = hub.installation_of(repo)
    body = {**parts, "repository": hub.shapes.repository(repo), "sender": hub.shapes.user(sender)}
    if repo.owner.type == "Organization":
        login, number = repo.owner.login, repo.owner.id
        url = f"{hub.shapes.api}/orgs/{login}"
        rest = {key: f"{url}/{key.removesuffix('_url')}" for key in ("repos_url", "events_url", "hooks_url", "issues_url")}
        people = {"members_url": f"{url}/members{{/member}}", "public_members_url": f"{url}/public_members{{/member}}"}
        avatar = f"{hub.shapes.web}/avatars/{number}"
        ids = {"login": login, "id": number, "node_id": node("Organization", number), "url": url}
        body["organization"] = {**ids, **rest, **people, "avatar_url": avatar, "description": ""}
    if installation:
        body["installation"] = {"id": installation.id, "node_id": node("Installation", installation.id)}
    return body


def issues(hub: Hub, repo: Repository, item: Issue, action: str, sender: User, label: Label | None = None) -> Json:
    """An `issues` event."""
    parts: Json = {"label": hub.shapes.label(repo, label)} if label else {}
    return _told(hub, repo, sender, action=action, issue=hub.shapes.issue(repo, item), **parts)


def issue_comment(hub: Hub, repo: Repository, item: Issue, comment: Comment, action: str, sender: User, before: str | None = None) -> Json:
    """An `issue_comment` event; `before` is the body an edit replaced."""
    parts: Json = {"changes": {"body": {"from": before}} if before is not None else {}} if action == "edited" else {}
    shapes = hub.shapes
    return _told(hub, repo, sender, action=action, issue=shapes.issue(repo, item), comment=shapes.comment(repo, comment), **parts)


def pull_request(hub: Hub, repo: Repository, item: Issue, action: str, sender: User, **parts: Any) -> Json:
    """A `pull_request` event."""
    return _told(hub, repo, sender, action=action, number=item.number, pull_request=hub.shape(repo, item), **parts)


def review_comment(hub: Hub, repo: Repository, item: Issue, comment: ReviewComment, action: str, sender: User) -> Json:
    """A `pull_request_review_comment` event."""
    parts: Json = {"changes": {"body": {"from": "before"}}} if action == "edited" else {}
    shapes = hub.shapes
    pull = shapes.pull(repo, item, hub.head_repository(item))
    return _told(hub, repo, sender, action=action, comment=shapes.review_comment(repo, comment), pull_request=pull, **parts)


def review(hub: Hub, repo: Repository, item: Issue, made: Review, action: str, sender: User) -> Json:
    """A `pull_request_review` event."""
    pull = hub.shapes.pull(repo, item, hub.head_repository(item))
    return _told(hub, repo, sender, action=action, review=hub.shapes.review(repo, made), pull_request=pull)


def push(hub: Hub, repo: Repository, ref: str, before: str, after: str, sender: User) -> Json:
    """A `push` event."""
    zero = "0" * 40
    flags = {"created": before == zero, "deleted": after == zero, "forced": False}
    pusher = {"name": sender.login, "email": "person@example.invalid"}
    compare = f"{hub.shapes.web}/{repo.full_name}/compare/{before[:12]}...{after[:12]}"
    rest = {"base_ref": None, "compare": compare, "commits": [], "head_commit": None, "pusher": pusher}
    return _told(hub, repo, sender, ref=ref, before=before, after=after, **flags, **rest)


def check_run(hub: Hub, repo: Repository, check: CheckRun, action: str, sender: User, button: str | None = None) -> Json:
    """A `check_run` event; `button` is the identifier of a requested action."""
    parts: Json = {"requested_action": {"identifier": button}} if button else {}
    suite = hub.shapes.suite(repo, check.suite, check.head_sha, [check], check.app)
    shape = hub.shapes.check(repo, check) | {"check_suite": suite}
    return _told(hub, repo, sender, action=action, check_run=shape, **parts)


def check_suite(hub: Hub, repo: Repository, suite: int, sha: str, checks: list[CheckRun], action: str, sender: User) -> Json:
    """A `check_suite` event."""
    app = checks[0].app if checks else hub.app
    return _told(hub, repo, sender, action=action, check_suite=hub.shapes.suite(repo, suite, sha, checks, app))


def status(hub: Hub, repo: Repository, given: CommitStatus) -> Json:
    """A `status` event."""
    url, at = f"{hub.shapes.api}/repos/{repo.full_name}", stamp(given.created_at)
    person = {"name": "A Person", "email": "person@example.invalid", "date": at}
    who = hub.shapes.user(given.creator)
    inner = {
        "author": person,
        "committer": person,
        "message": "A commit",
        "tree": {"sha": given.sha, "url": f"{url}/git/trees/{given.sha}"},
        "url": f"{url}/git/commits/{given.sha}",
        "comment_count": 0,
        "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None},
    }
    links = {"url": f"{url}/commits/{given.sha}", "html_url": url, "comments_url": f"{url}/commits/{given.sha}/comments"}
    commit = {
        "sha": given.sha,
        "node_id": node("Commit", given.id),
        "commit": inner,
        **links,
        "author": who,
        "committer": who,
        "parents": [],
    }
    parts = {"id": given.id, "sha": given.sha, "name": repo.full_name, "context": given.context, "state": given.state}
    more = {"description": given.description, "target_url": given.target_url, "commit": commit, "branches": []}
    return _told(hub, repo, given.creator, **parts, **more, created_at=at, updated_at=at)


def workflow_run(hub: Hub, repo: Repository, run: Workflow, sender: User) -> Json:
    """A `workflow_run` event."""
    shape = hub.shapes.workflow(repo, run, sender)
    action = "completed" if run.conclusion else "in_progress"
    return _told(hub, repo, sender, action=action, workflow=None, workflow_run=shape)


def repository(hub: Hub, repo: Repository, action: str, sender: User, changes: Json | None = None) -> Json:
    """A `repository` event."""
    return _told(hub, repo, sender, action=action, **({"changes": changes} if changes else {}))


def installation(hub: Hub, which: Installation, action: str, sender: User) -> Json:
    """An `installation` event: always sent, whatever the App subscribes to."""
    repositories = [_brief(hub.repositories[number]) for number in sorted(which.repositories)]
    shape = hub.shapes.installation(hub.app, which)
    return {"action": action, "installation": shape, "repositories": repositories, "sender": hub.shapes.user(sender)}


def installation_repositories(hub: Hub, which: Installation, repo: Repository, action: str, sender: User) -> Json:
    """An `installation_repositories` event for one repository."""
    shape, brief = hub.shapes.installation(hub.app, which), [_brief(repo)]
    added, removed = (brief, []) if action == "added" else ([], brief)
    lists = {"repositories_added": added, "repositories_removed": removed, "repository_selection": "selected", "requester": None}
    return {"action": action, "installation": shape, **lists, "sender": hub.shapes.user(sender)}


def _brief(repo: Repository) -> Json:
    ids = {"id": repo.id, "node_id": node("Repository", repo.id)}
    return {**ids, "name": repo.name, "full_name": repo.full_name, "private": repo.private}
