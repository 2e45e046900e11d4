"""What every other shape has in it: users, repositories, labels, reactions."""

import base64
from datetime import UTC, datetime
from typing import Any

from tests.fakes.github.state import (
    Label,
    Reaction,
    Repository,
    User,
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


class Common:
    """Renders them; `api` and `web` are the base URLs of the fake."""

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

    def ref(self, repo: Repository, name: str, sha: str) -> Json:
        """A git reference to a commit."""
        url = f"{self.api}/repos/{repo.full_name}/git"
        pointed = {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"}
        return {"ref": name, "node_id": node("Ref", repo.id), "url": f"{url}/{name}", "object": pointed}

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

    def association(self, repo: Repository, user: User) -> str:
        """The field that must decide nothing: it lies about members, as GitHub's does."""
        return "OWNER" if user.id == repo.owner.id else "NONE"
