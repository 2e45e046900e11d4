"""What all people need: repositories, roles, and the webhook that tells what they did."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.github.hub import Hub, add_repository
from tests.fakes.github.state import Delivery, Milestone, Repository, User

Files = Mapping[str, str | bytes]
ALWAYS = ("installation", "installation_repositories", "ping")
Where = Repository | str | None
"""A repository or its name; None is the first one."""


class Desk:
    """Where people sit."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def add_repository(
        self, full_name: str = "acme/widgets", *, files: Files | None = None, private: bool = True, default_branch: str = "main"
    ) -> Repository:
        """A repository with one commit, the App installed on it, and a collaborator `maintainer`."""
        with self.hub.lock:
            content = dict(files) if files else {"README.md": "# Widgets\n"}
            repo = add_repository(self.hub, full_name, files=content, private=private, branch=default_branch)
            self.collaborator("maintainer", "maintain", repo=repo)
            return repo

    def repo(self, repo: Where = None) -> Repository:
        """The repository meant. Raises KeyError."""
        if isinstance(repo, Repository):
            return repo
        if repo is None:
            return next(iter(self.hub.repositories.values()))
        found = self.hub.named(repo)
        if found is None:
            raise KeyError(repo)
        return found

    def collaborator(self, login: str, role: str, *, repo: Where = None) -> User:
        """Give somebody a role: none, read, triage, write, maintain or admin."""
        user = self.hub.user(login)
        self.repo(repo).collaborators[user.id] = role
        return user

    def milestone(self, title: str, *, repo: Where = None) -> Milestone:
        """A milestone."""
        where = self.repo(repo)
        number = len(where.milestones) + 1
        where.milestones[number] = Milestone(self.hub.id(), number, title, where.owner, self.hub.now())
        return where.milestones[number]

    def protect(self, branch: str, *, repo: Where = None) -> None:
        """Let nobody push to the branch."""
        with (self.repo(repo).path / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")

    def tell(self, event: str, payload: dict[str, Any], *, deliver: bool = True) -> Delivery:
        """Record and send a webhook now; one the App did not subscribe to is made but neither listed nor sent."""
        hub = self.hub
        delivery = hub.hooks.record(hub.id(), event, payload, hub.now())
        if event not in (*hub.app.events, *ALWAYS):
            hub.hooks.deliveries.remove(delivery)
            return delivery
        return hub.hooks.send(delivery) if deliver else delivery

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Press "Redeliver": same guid, same body."""
        return self.hub.hooks.send(self.hub.hooks.again(self.hub.id(), delivery, self.hub.now()))
