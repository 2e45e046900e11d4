"""What a decision needs to know, read from GitHub (`handlers.facts.Forge`)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from infra.github import branches
from infra.github.answer import Declined
from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.content import text_of
from infra.github.defaults import GitHubDefaults
from infra.github.routes import Route
from jobs.model import Actor, Item, ItemKind, Repository
from jobs.ports import Clock

CONFIG = ".github/slipway.yml"
LAG_S = (1.0, 3.0)
"""Waits before an event that a webhook told of is believed not to be listed."""
ROLES = ("admin", "maintain", "write", "triage", "read", "none")


@dataclass(frozen=True, slots=True)
class GitHubForge:
    """Every answer is GitHub's of this moment, but for what it answers with 304."""

    github: GitHub
    app: GitHubApp
    shared: GitHubDefaults
    clock: Clock

    def repository(self, repository: Repository) -> Repository:
        """The repository of that id as it is called now. Raises Refused(`repository_gone`)."""
        found = self.github.named(repository)
        return Repository(repository.id, str(found["full_name"]), repository.installation, str(found["default_branch"]))

    def permission(self, repository: Repository, actor: Actor) -> str:
        """The actor's role; `none` for a login that belongs to another account than the one that asked."""
        try:
            found = self.github.ask(Route.PERMISSION, repository, login=actor.login)
            whose = found.get("user") or self.github.ask(Route.USER, repository, login=actor.login)
        except Declined as no:
            if no.status != 404:
                raise
            return "none"
        if whose["id"] != actor.id:
            return "none"
        # A role an organization made up has a name of its own; `permission` is then the built-in role it amounts to.
        return next((role for role in (found.get("role_name"), found.get("permission")) if role in ROLES), "none")

    def config(self, repository: Repository) -> str | None:
        """The configuration's text on the default branch. Raises Refused(`config_invalid`) when it is not a file one can read."""
        return self.file(repository, CONFIG)

    def file(self, repository: Repository, path: str) -> str | None:
        """As `config`, of any file."""
        try:
            found = self.github.ask(Route.CONTENT, repository, path=path)
        except Declined as no:
            if no.status != 404:
                raise
            return None
        return text_of(found, path)

    def tip(self, repository: Repository) -> str | None:
        """Where its default branch stands now; None while the repository is empty."""
        return branches.tip(self.github, repository, str(self.github.named(repository)["default_branch"]))

    def defaults(self, repository: Repository) -> str | None:
        """The configuration its owner has for all of theirs; see `GitHubDefaults`."""
        return self.shared.text(repository)

    def item(self, repository: Repository, number: int) -> Item:
        """The issue or pull request, with a pull request's branches. Raises Refused(`github_refused`) when it is gone."""
        issue = self.github.ask(Route.ISSUE, repository, number=number)
        if "pull_request" in issue:
            return _pull(issue, self.github.ask(Route.PULL, repository, number=number))
        return Item(kind=ItemKind.ISSUE, **_common(issue))

    def own(self, repository: Repository) -> frozenset[int]:
        """The App's bot user; nobody where GitHub does not tell: a bot is then let in only by the operator's list, as every other."""
        me = self.app.bot(repository)
        return frozenset() if me is None else frozenset({me})

    def teams(self, repository: Repository, actor: Actor, names: Collection[str]) -> frozenset[str]:
        """Active memberships; a team of another organisation cannot be asked for, and so has nobody in it."""
        owner = repository.full_name.partition("/")[0].lower()
        asked = (name for name in sorted(names) if name.partition("/")[0] == owner)
        return frozenset(name for name in asked if self._is_in(repository, actor, name))

    def _is_in(self, repository: Repository, actor: Actor, team: str) -> bool:
        organization, _, slug = team.partition("/")
        try:
            found = self.github.ask(Route.TEAM_MEMBER, repository, organization=organization, team=slug, login=actor.login)
        except Declined as no:
            if no.status != 404:
                raise
            return False
        return bool(found["state"] == "active")

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """The id of the newest `labeled` event of that label; case does not matter to GitHub.

        A webhook can be here before the list has its event, so it is waited for; None when it does not come, or there is no list.
        """
        found = self._label_event(repository, number, label)
        for wait in LAG_S:
            if found is not None:
                break
            self.clock.sleep(wait)
            found = self._label_event(repository, number, label)
        return found

    def _label_event(self, repository: Repository, number: int, label: str) -> int | None:
        try:
            rows = self.github.each(Route.ISSUE_EVENTS, repository, number=number)
        except Declined as no:
            if no.status != 404:
                raise
            return None
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
        "url": issue.get("html_url") or "",
    }


def _pull(issue: Mapping[str, Any], pull: Mapping[str, Any]) -> Item:
    source = pull["head"].get("repo")  # None when a fork was deleted
    return Item(
        kind=ItemKind.PULL,
        **_common(issue),
        head_sha=pull["head"]["sha"],
        head_ref=pull["head"]["ref"],
        head_repository=source["id"] if source else None,
        base_ref=pull["base"]["ref"],
        draft=bool(pull.get("draft")),
        merged=bool(pull.get("merged")),
    )
