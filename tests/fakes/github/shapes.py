"""Records as the JSON GitHub answers with. `tests/contracts/test_github_schema.py` holds every shape to GitHub's own schema."""

import base64
from datetime import UTC, datetime
from typing import Any

from tests.fakes.github import gitside
from tests.fakes.github.state import (
    App,
    CheckRun,
    Comment,
    CommitStatus,
    Delivery,
    Installation,
    Issue,
    IssueEvent,
    Label,
    Milestone,
    Reaction,
    Repository,
    Token,
    User,
    Workflow,
)

Json = dict[str, Any]

USER_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
REPOSITORY_URLS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def stamp(at: float | None) -> str | None:
    """A time as GitHub writes it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(kind: str, number: int) -> str:
    """A node id: opaque to everybody."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


class Shapes:
    """Renders records; `api` and `web` are the base URLs of the fake."""

    def __init__(self, api: str, web: str) -> None:
        self.api = api
        self.web = web

    def user(self, user: User) -> Json:
        """A simple user."""
        name = user.login.replace("[", "%5B").replace("]", "%5D")
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node("User", user.id),
            "avatar_url": f"{self.web}/avatars/{user.id}",
            "gravatar_id": "",
            "url": f"{self.api}/users/{name}",
            "html_url": f"{self.web}/{name}",
            "type": user.type,
            "site_admin": False,
            **{key: f"{self.api}/users/{name}{rest}" for key, rest in USER_URLS.items()},
        }

    def repository(self, repo: Repository) -> Json:
        """A full repository; smaller shapes are parts of it."""
        url, html = f"{self.api}/repos/{repo.full_name}", f"{self.web}/{repo.full_name}"
        issues = sum(item.state == "open" for item in repo.items.values())
        return {
            "id": repo.id,
            "node_id": node("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(repo.owner),
            "private": repo.private,
            "visibility": "private" if repo.private else "public",
            "html_url": html,
            "description": None,
            "fork": False,
            "url": url,
            **{key: url + rest for key, rest in REPOSITORY_URLS.items()},
            "git_url": f"git://{html.partition('://')[2]}.git",
            "ssh_url": f"git@{html.partition('://')[2]}.git",
            "clone_url": f"{html}.git",
            "svn_url": html,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "size": 1,
            "default_branch": repo.default_branch,
            "has_issues": True,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "archived": repo.archived,
            "disabled": False,
            "license": None,
            "topics": [],
            "is_template": False,
            "allow_forking": True,
            "web_commit_signoff_required": False,
            **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
            **dict.fromkeys(("subscribers_count", "network_count"), 0),
            **dict.fromkeys(("open_issues", "open_issues_count"), issues),
            **dict.fromkeys(("pushed_at", "created_at", "updated_at"), stamp(repo.created_at)),
        }

    def label(self, repo: Repository, label: Label) -> Json:
        """A label."""
        return {
            "id": label.id,
            "node_id": node("Label", label.id),
            "url": f"{self.api}/repos/{repo.full_name}/labels/{label.name}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
            "archived_at": None,
            "archived_by": None,
        }

    def reactions(self, url: str, reactions: list[Reaction]) -> Json:
        """The roll-up of reactions."""
        kinds = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
        counts = {kind: sum(r.content == kind for r in reactions) for kind in kinds}
        return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}

    def reaction(self, reaction: Reaction) -> Json:
        """One reaction."""
        return {
            "id": reaction.id,
            "node_id": node("Reaction", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created_at),
        }

    def _item(self, repo: Repository, item: Issue) -> Json:
        """What issues and pull requests have in common."""
        return {
            "id": item.id,
            "number": item.number,
            "state": item.state,
            "locked": item.locked,
            "active_lock_reason": None,
            "title": item.title,
            "body": item.body,
            "user": self.user(item.user),
            "labels": [self.label(repo, label) for label in item.labels],
            "assignees": [self.user(user) for user in item.assignees],
            "assignee": self.user(item.assignees[0]) if item.assignees else None,
            "milestone": self.milestone(repo, repo.milestones[item.milestone]) if item.milestone else None,
            "author_association": self.association(repo, item.user),
            "created_at": stamp(item.created_at),
            "updated_at": stamp(item.updated_at),
            "closed_at": stamp(item.closed_at),
            "comments": sum(c.number == item.number for c in repo.comments.values()),
        }

    def association(self, repo: Repository, user: User) -> str:
        """The field that must decide nothing: it lies about members, as GitHub's does."""
        return "OWNER" if user.id == repo.owner.id else "NONE"

    def issue(self, repo: Repository, item: Issue) -> Json:
        """An issue, with the `pull_request` key when it is one."""
        url, html = f"{self.api}/repos/{repo.full_name}/issues/{item.number}", f"{self.web}/{repo.full_name}"
        shape = self._item(repo, item) | {
            "node_id": node("Issue", item.id),
            "url": url,
            "repository_url": f"{self.api}/repos/{repo.full_name}",
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": f"{html}/{'pull' if item.pull else 'issues'}/{item.number}",
            "state_reason": None,
            "performed_via_github_app": None,
            "reactions": self.reactions(url, item.reactions),
        }
        if item.pull:
            pull = f"{self.api}/repos/{repo.full_name}/pulls/{item.number}"
            page = f"{html}/pull/{item.number}"
            merged = stamp(item.pull.merged_at)
            links = {"url": pull, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch", "merged_at": merged}
            shape |= {"draft": item.pull.draft, "pull_request": links}
        return shape

    def comment(self, repo: Repository, comment: Comment) -> Json:
        """A comment of an issue or pull request."""
        url = f"{self.api}/repos/{repo.full_name}/issues/comments/{comment.id}"
        issue = f"{self.api}/repos/{repo.full_name}/issues/{comment.number}"
        return {
            "id": comment.id,
            "node_id": node("IssueComment", comment.id),
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/issues/{comment.number}#issuecomment-{comment.id}",
            "issue_url": issue,
            "body": comment.body,
            "user": self.user(comment.user),
            "author_association": self.association(repo, comment.user),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "performed_via_github_app": None,
            "reactions": self.reactions(url, comment.reactions),
        }

    def event(self, repo: Repository, event: IssueEvent) -> Json:
        """A line of an item's history."""
        shape = {
            "id": event.id,
            "node_id": node("IssueEvent", event.id),
            "url": f"{self.api}/repos/{repo.full_name}/issues/events/{event.id}",
            "actor": self.user(event.actor),
            "event": event.event,
            "commit_id": None,
            "commit_url": None,
            "created_at": stamp(event.created_at),
            "performed_via_github_app": None,
        }
        return shape | ({"label": {"name": event.label.name, "color": event.label.color}} if event.label else {})

    def milestone(self, repo: Repository, milestone: Milestone) -> Json:
        """A milestone."""
        url = f"{self.api}/repos/{repo.full_name}/milestones/{milestone.number}"
        return {
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/milestone/{milestone.number}",
            "labels_url": f"{url}/labels",
            "id": milestone.id,
            "node_id": node("Milestone", milestone.id),
            "number": milestone.number,
            "state": "open",
            "title": milestone.title,
            "description": None,
            "creator": self.user(milestone.creator),
            "open_issues": 0,
            "closed_issues": 0,
            "created_at": stamp(milestone.created_at),
            "updated_at": stamp(milestone.created_at),
            "closed_at": None,
            "due_on": None,
        }

    def _side(self, repo: Repository | None, ref: str, sha: str, owner: User) -> Json:
        return {
            "label": f"{owner.login}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(owner),
            "repo": self.repository(repo) if repo else None,
        }

    def pull(self, repo: Repository, item: Issue, head_repository: Repository | None) -> Json:
        """A pull request as the lists show it. Its head sha is where the real branch stands."""
        assert item.pull
        url, page = f"{self.api}/repos/{repo.full_name}/pulls/{item.number}", f"{self.web}/{repo.full_name}/pull/{item.number}"
        issue = f"{self.api}/repos/{repo.full_name}/issues/{item.number}"
        sha = head_sha(item, head_repository)
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{self.api}/repos/{repo.full_name}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{self.api}/repos/{repo.full_name}/statuses/{sha}",
        }
        base = gitside.tip(repo.path, item.pull.base_ref) or gitside.ZERO
        return self._item(repo, item) | {
            "node_id": node("PullRequest", item.id),
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "merged_at": stamp(item.pull.merged_at),
            "merge_commit_sha": None,
            "requested_reviewers": [self.user(user) for user in item.pull.reviewers],
            "requested_teams": [],
            "head": self._side(head_repository, item.pull.head_ref, sha, head_repository.owner if head_repository else item.user),
            "base": self._side(repo, item.pull.base_ref, base, repo.owner),
            "_links": {key: {"href": value} for key, value in links.items()},
            "auto_merge": None,
            "draft": item.pull.draft,
        }

    def whole_pull(self, repo: Repository, item: Issue, head_repository: Repository | None) -> Json:
        """A pull request as asked for by its number."""
        assert item.pull
        merged = item.pull.merged_at is not None
        return self.pull(repo, item, head_repository) | {
            "merged": merged,
            "mergeable": None if merged else True,
            "rebaseable": None,
            "mergeable_state": "unknown" if merged else "clean",
            "merged_by": self.user(repo.owner) if merged else None,
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": 1,
            "additions": 1,
            "deletions": 0,
            "changed_files": 1,
        }

    def app(self, app: App) -> Json:
        """The App, as `GET /app` and other shapes show it."""
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": node("Integration", app.id),
            "owner": self.user(app.owner),
            "name": app.slug.title(),
            "description": "",
            "external_url": f"{self.web}/apps/{app.slug}",
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": stamp(app.created_at),
            "updated_at": stamp(app.created_at),
            "permissions": app.permissions,
            "events": list(app.events),
            "installations_count": 1,
        }

    def installation(self, app: App, installation: Installation) -> Json:
        """An installation of the App."""
        return {
            "id": installation.id,
            "node_id": node("Installation", installation.id),
            "account": self.user(installation.account),
            "repository_selection": "selected",
            "access_tokens_url": f"{self.api}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": app.id,
            "client_id": f"Iv1.{app.id:016x}",
            "app_slug": app.slug,
            "target_id": installation.account.id,
            "target_type": installation.account.type,
            "permissions": installation.permissions,
            "events": list(app.events),
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.created_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": self.user(installation.account) if installation.suspended else None,
            "suspended_at": stamp(installation.created_at) if installation.suspended else None,
        }

    def token(self, token: Token, repositories: list[Repository]) -> Json:
        """A freshly minted installation token."""
        return {
            "token": token.text,
            "expires_at": stamp(token.expires_at),
            "permissions": token.permissions,
            "repository_selection": "selected",
            "repositories": [self.repository(repo) for repo in repositories],
        }

    def permission(self, user: User, role: str) -> Json:
        """What a collaborator may do; `permission` folds maintain into write and triage into read."""
        folded = {"maintain": "write", "triage": "read"}.get(role, role)
        levels = ("pull", "triage", "push", "maintain", "admin")
        reach = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}[role]
        rights = {level: number < reach for number, level in enumerate(levels)}
        return {"permission": folded, "role_name": role, "user": self.user(user) | {"permissions": rights, "role_name": role}}

    def content(self, repo: Repository, path: str, ref: str, found: tuple[str, bytes]) -> Json:
        """A file of the repository."""
        sha, data = found
        url = f"{self.api}/repos/{repo.full_name}/contents/{path}?ref={ref}"
        git_url, page = f"{self.api}/repos/{repo.full_name}/git/blobs/{sha}", f"{self.web}/{repo.full_name}/blob/{ref}/{path}"
        text = base64.encodebytes(data).decode()
        return {
            "type": "file",
            "encoding": "base64",
            "size": len(data),
            "name": path.rpartition("/")[2],
            "path": path,
            "content": text,
            "sha": sha,
            "url": url,
            "git_url": git_url,
            "html_url": page,
            "download_url": f"{self.web}/raw/{repo.full_name}/{ref}/{path}",
            "_links": {"self": url, "git": git_url, "html": page},
        }

    def check(self, repo: Repository, check: CheckRun) -> Json:
        """A check run."""
        url = f"{self.api}/repos/{repo.full_name}/check-runs/{check.id}"
        return {
            "id": check.id,
            "node_id": node("CheckRun", check.id),
            "head_sha": check.head_sha,
            "external_id": check.external_id,
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/runs/{check.id}",
            "details_url": check.details_url or f"{self.web}/apps/{check.app.slug}",
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": stamp(check.started_at),
            "completed_at": stamp(check.completed_at),
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": len(check.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "name": check.name,
            "check_suite": {"id": check.suite},
            "app": self.app(check.app),
            "pull_requests": [],
        }

    def annotation(self, repo: Repository, check: CheckRun, given: Json) -> Json:
        """An annotation of a check run."""
        blank = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
        href = f"{self.web}/{repo.full_name}/blob/{check.head_sha}/{given['path']}"
        return blank | given | {"blob_href": href}

    def suite(self, repo: Repository, suite: int, sha: str, checks: list[CheckRun], app: App) -> Json:
        """A check suite: an app's check runs on a commit, taken together."""
        done = all(check.status == "completed" for check in checks)
        bad = [check.conclusion for check in checks if check.conclusion not in ("success", "neutral", "skipped")]
        at = stamp(repo.created_at)
        return {
            "id": suite,
            "node_id": node("CheckSuite", suite),
            "head_branch": next(
                (ref[11:] for ref, at in gitside.refs(repo.path).items() if at == sha and ref.startswith("refs/heads/")), None
            ),
            "head_sha": sha,
            "status": "completed" if done else "in_progress",
            "conclusion": (bad[0] if bad else "success") if done else None,
            "url": f"{self.api}/repos/{repo.full_name}/check-suites/{suite}",
            "before": None,
            "after": sha,
            "pull_requests": [],
            "app": self.app(app),
            "repository": self.repository(repo),
            "created_at": at,
            "updated_at": at,
            "head_commit": {
                "id": sha,
                "tree_id": sha,
                "message": "A commit",
                "timestamp": at,
                "author": {"name": "A Person", "email": "person@example.invalid"},
                "committer": {"name": "A Person", "email": "person@example.invalid"},
            },
            "latest_check_runs_count": len(checks),
            "check_runs_url": f"{self.api}/repos/{repo.full_name}/check-suites/{suite}/check-runs",
        }

    def status(self, repo: Repository, status: CommitStatus) -> Json:
        """A status of a commit."""
        return {
            "url": f"{self.api}/repos/{repo.full_name}/statuses/{status.sha}",
            "avatar_url": f"{self.web}/avatars/{status.creator.id}",
            "id": status.id,
            "node_id": node("Status", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
        }

    def workflow(self, repo: Repository, run: Workflow, actor: User) -> Json:
        """A workflow run, as its event tells of it."""
        url, at = f"{self.api}/repos/{repo.full_name}/actions/runs/{run.id}", stamp(run.created_at)
        rest = ("jobs", "logs", "artifacts", "cancel", "rerun")
        commit = {"id": run.head_sha, "tree_id": run.head_sha, "message": "A commit", "timestamp": at}
        person = {"name": "A Person", "email": "person@example.invalid"}
        return {
            "id": run.id,
            "node_id": node("WorkflowRun", run.id),
            "name": run.name,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
            "path": ".github/workflows/ci.yml",
            "display_title": run.name,
            "run_number": 1,
            "run_attempt": 1,
            "event": "push",
            "status": "completed" if run.conclusion else "in_progress",
            "conclusion": run.conclusion,
            "workflow_id": 1,
            "check_suite_id": 1,
            "check_suite_node_id": node("CheckSuite", 1),
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/actions/runs/{run.id}",
            **{f"{part}_url": f"{url}/{part}" for part in rest},
            "check_suite_url": f"{self.api}/repos/{repo.full_name}/check-suites/1",
            "workflow_url": f"{self.api}/repos/{repo.full_name}/actions/workflows/1",
            "previous_attempt_url": None,
            "pull_requests": [],
            "referenced_workflows": [],
            "actor": self.user(actor),
            "triggering_actor": self.user(actor),
            "head_commit": commit | {"author": person, "committer": person},
            "repository": self.repository(repo),
            "head_repository": self.repository(repo),
            **dict.fromkeys(("run_started_at", "created_at", "updated_at"), at),
        }

    def delivery(self, delivery: Delivery) -> Json:
        """A webhook delivery as the list shows it."""
        ok = 200 <= delivery.status_code < 300
        return {
            "id": delivery.id,
            "guid": delivery.guid,
            "delivered_at": stamp(delivery.at),
            "redelivery": delivery.redelivery,
            "duration": 0.1,
            "status": "OK"
            if ok
            else "failed to connect to host"
            if not delivery.status_code
            else f"Invalid HTTP Response: {delivery.status_code}",
            "status_code": delivery.status_code,
            "event": delivery.event,
            "action": delivery.action,
            "installation_id": delivery.installation,
            "repository_id": delivery.repository,
            "throttled_at": None,
        }

    def whole_delivery(self, delivery: Delivery) -> Json:
        """A webhook delivery with what was sent and answered."""
        return self.delivery(delivery) | {
            "url": "",
            "request": {"headers": delivery.headers, "payload": delivery.payload},
            "response": {"headers": {}, "payload": delivery.answer},
        }


def head_sha(item: Issue, head_repository: Repository | None) -> str:
    """Where the head of a pull request stands; the last known place once it is closed or its branch is gone."""
    assert item.pull
    if item.pull.frozen_sha or head_repository is None:
        return item.pull.frozen_sha or gitside.ZERO
    return gitside.tip(head_repository.path, item.pull.head_ref) or gitside.ZERO
