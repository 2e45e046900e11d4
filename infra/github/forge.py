"""What a decision needs to know, read from GitHub (`handlers.facts.Forge`)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.github.answer import Declined
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.errors import Refused
from jobs.model import Actor, Item, ItemKind, Repository

CONFIG = ".github/slipway.yml"
ROLES = ("admin", "maintain", "write", "triage", "read", "none")


@dataclass(frozen=True, slots=True)
class GitHubForge:
    """Every answer is GitHub's of this moment, but for what it answers with 304."""

    github: GitHub

    def repository(self, repository: Repository) -> Repository:
        """The repository of that id as it is called now. Raises Refused(`repository_gone`)."""
        found = self.github.named(repository)
        return Repository(repository.id, str(found["full_name"]), repository.installation, str(found["default_branch"]))

    def permission(self, repository: Repository, actor: Actor) -> str:
        """The actor's role; `none` for a login that belongs to another account than the one that asked."""
        try:
            found = self.github.ask(Route.PERMISSION, repository, login=actor.login)
        except Declined as no:
            if no.status != 404:
                raise
            return "none"
        if (found.get("user") or {}).get("id") != actor.id:
            return "none"
        # A role an organization made up has a name of its own; `permission` is then the built-in role it amounts to.
        return next((role for role in (found.get("role_name"), found.get("permission")) if role in ROLES), "none")

    def config(self, repository: Repository) -> str | None:
        """The configuration's text on the default branch. Raises Refused(`config_invalid`) when it is not a file one can read."""
        try:
            found = self.github.ask(Route.CONTENT, repository, path=CONFIG)
        except Declined as no:
            if no.status != 404:
                raise
            return None
        if not isinstance(found, dict) or found.get("type") != "file" or found.get("encoding") != "base64":
            raise Refused("config_invalid", f"{CONFIG} is not a plain file of less than a megabyte. Replace it with one.")
        return base64.b64decode(found["content"]).decode(errors="replace")

    def item(self, repository: Repository, number: int) -> Item:
        """The issue or pull request, with a pull request's branches. Raises Refused(`github_refused`) when it is gone."""
        issue = self.github.ask(Route.ISSUE, repository, number=number)
        if "pull_request" in issue:
            return _pull(issue, self.github.ask(Route.PULL, repository, number=number))
        return Item(kind=ItemKind.ISSUE, **_common(issue))

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """The id of the newest `labeled` event of that label; case does not matter to GitHub."""
        rows = self.github.each(Route.ISSUE_EVENTS, repository, number=number)
        ids = [int(row["id"]) for row in rows if row["event"] == "labeled" and row["label"]["name"].lower() == label.lower()]
        return max(ids, default=None)


def _common(issue: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": issue["number"],
        "title": issue["title"],
        "body": issue["body"] or "",
        "open": issue["state"] == "open",
        "author": (issue["user"] or {"id": 0})["id"],
        "labels": tuple(label["name"] for label in issue["labels"]),
        "url": issue["html_url"],
    }


def _pull(issue: Mapping[str, Any], pull: Mapping[str, Any]) -> Item:
    source = pull["head"]["repo"]  # None when a fork was deleted
    return Item(
        kind=ItemKind.PULL,
        **_common(issue),
        head_sha=pull["head"]["sha"],
        head_ref=pull["head"]["ref"],
        head_repository=source["id"] if source else None,
        base_ref=pull["base"]["ref"],
        draft=bool(pull["draft"]),
        merged=bool(pull["merged"]),
    )
