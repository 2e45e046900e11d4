"""What owners do, and what people do in a browser."""

from tests.fakes.github import events
from tests.fakes.github.people.desk import Desk, Where
from tests.fakes.github.state import Delivery, Installation, SignIn


class OnAccounts(Desk):
    """Renaming, archiving, installing, signing in."""

    def rename(self, new_name: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Rename the repository (`name`) or transfer it (`owner/name`); the old name redirects."""
        where = self.repo(repo)
        before = where.full_name
        self.hub.old_names[before.lower()] = where.id
        owner, _, name = new_name.rpartition("/")
        if owner:
            where.owner = self.hub.user(owner)
        where.name = name
        action = "transferred" if owner else "renamed"
        changes = {"repository": {"name": {"from": before.partition("/")[2]}}} if action == "renamed" else {"owner": {"from": {}}}
        return self.tell("repository", events.repository(self.hub, where, action, self.hub.user(by), changes), deliver=deliver)

    def archive(self, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Archive the repository: every write is refused."""
        where = self.repo(repo)
        where.archived = True
        return self.tell("repository", events.repository(self.hub, where, "archived", self.hub.user(by)), deliver=deliver)

    def delete_repository(self, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Delete the repository."""
        where = self.repo(repo)
        payload = events.repository(self.hub, where, "deleted", self.hub.user(by))
        where.deleted = True
        return self.tell("repository", payload, deliver=deliver)

    def installation(self, repo: Where = None) -> Installation:
        """The installation that reaches the repository. Raises KeyError."""
        found = self.hub.installation_of(self.repo(repo))
        if found is None:
            raise KeyError("no installation reaches the repository")
        return found

    def suspend(self, *, by: str = "owner", repo: Where = None, deliver: bool = True) -> Delivery:
        """Suspend the installation: no API, no webhooks but this one."""
        return self._installed("suspend", by, repo, deliver=deliver, suspended=True)

    def unsuspend(self, *, by: str = "owner", repo: Where = None, deliver: bool = True) -> Delivery:
        """End the suspension."""
        return self._installed("unsuspend", by, repo, deliver=deliver, suspended=False)

    def uninstall(self, *, by: str = "owner", repo: Where = None, deliver: bool = True) -> Delivery:
        """Remove the App from the account; its tokens end."""
        return self._installed("deleted", by, repo, deliver=deliver, removed=True)

    def deselect(self, *, by: str = "owner", repo: Where = None, deliver: bool = True) -> Delivery:
        """Take the repository out of the installation's selection."""
        where = self.repo(repo)
        which = self.installation(where)
        which.repositories.discard(where.id)
        payload = events.installation_repositories(self.hub, which, where, "removed", self.hub.user(by))
        return self.tell("installation_repositories", payload, deliver=deliver)

    def team(self, name: str, login: str, *, state: str = "active") -> None:
        """Put somebody into a team (`organisation/slug`), and let the App see members, as an owner has to by hand."""
        with self.hub.lock:
            self.hub.teams.setdefault(name.lower(), {})[self.hub.user(login).id] = state
            for installation in self.hub.installations.values():
                installation.permissions["members"] = "read"

    def sign_in(self, login: str, challenge: str) -> str:
        """Go through the sign-in page; the code the browser brings back."""
        code = f"code-{self.hub.id()}"
        self.hub.sign_ins[code] = SignIn(self.hub.user(login), challenge)
        return code

    def submit_manifest(self) -> str:
        """Register the App from its manifest; the code the browser brings back."""
        code = f"manifest-{self.hub.id()}"
        self.hub.manifests.add(code)
        return code

    def _installed(self, action: str, by: str, repo: Where, *, deliver: bool, suspended: bool = False, removed: bool = False) -> Delivery:
        which = self.installation(repo)
        which.suspended, which.removed = suspended, removed
        payload = events.installation(self.hub, which, action, self.hub.user(by))
        return self.tell("installation", payload, deliver=deliver)
