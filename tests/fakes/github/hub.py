"""The state of the fake GitHub and the small operations every route and every person's action is made of."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.github import gitside
from tests.fakes.github.faults import Script
from tests.fakes.github.hooks import Hooks
from tests.fakes.github.shapes import Shapes
from tests.fakes.github.state import App, Entry, Installation, Issue, IssueEvent, Label, Repository, SignIn, User
from tests.fakes.github.tokens import Deny, Tokens

MANIFEST = Path(__file__).parents[3] / "app.yml"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""One key for every fake of a test process: making one takes a while."""


class Now(Protocol):
    """Where the fake reads the time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


class WallClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()


@dataclass
class Hub:
    """All of it. Every read and write happens under `lock`."""

    root: Path
    clock: Now
    shapes: Shapes
    app: App
    private_key: str
    hooks: Hooks
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: dict[str, User] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    old_names: dict[str, int] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)
    faults: Script = field(default_factory=Script)
    ledger: list[Entry] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    lag_reads: int = 0
    manifests: set[str] = field(default_factory=set)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    browsing: str = "maintainer"
    teams: dict[str, dict[int, str]] = field(default_factory=dict)
    """By `organisation/slug`: the state of each member's membership."""
    logs: dict[int, str] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(3_000_000_001))

    def id(self) -> int:
        """A number nobody has; larger than 32 bits, as GitHub's are."""
        return next(self.ids)

    def now(self) -> float:
        """The time of the fake."""
        return self.clock.now()

    def user(self, login: str) -> User:
        """The account of that name, made when it is new."""
        return self.users.get(login.lower()) or self.enrol(User(self.id(), login))

    def enrol(self, user: User) -> User:
        """Make an account known."""
        self.users[user.login.lower()] = user
        return user

    def named(self, full_name: str) -> Repository | None:
        """The repository that has this name now."""
        live = (repo for repo in self.repositories.values() if not repo.deleted)
        return next((repo for repo in live if repo.full_name.lower() == full_name.lower()), None)

    def installation_of(self, repo: Repository) -> Installation | None:
        """The installation that reaches the repository."""
        live = (i for i in self.installations.values() if not i.removed)
        return next((i for i in live if repo.id in i.repositories), None)

    def item(self, repo: Repository, number: int) -> Issue:
        """An issue or pull request. Raises Deny(404)."""
        try:
            return repo.items[number]
        except KeyError:
            raise Deny(404, "Not Found") from None

    def pull(self, repo: Repository, number: int) -> Issue:
        """A pull request. Raises Deny(404)."""
        item = self.item(repo, number)
        if not item.pull:
            raise Deny(404, "Not Found")
        return item

    def head_repository(self, item: Issue) -> Repository | None:
        """Where the branch of a pull request lives."""
        return self.repositories.get(item.pull.head_repository) if item.pull else None

    def label(self, repo: Repository, name: str) -> Label:
        """The repository's label of that name (case does not matter), made when it is new."""
        key = name.lower()
        if key not in repo.labels:
            repo.labels[key] = Label(self.id(), name)
        return repo.labels[key]

    def permission(self, repo: Repository, user: User) -> str:
        """A person's role in the repository."""
        if user.id == repo.owner.id:
            return "admin"
        return repo.collaborators.get(user.id, "none" if repo.private else "read")

    def history(self, item: Issue, event: str, actor: User, label: Label | None = None) -> IssueEvent:
        """Write a line of the item's history."""
        line = IssueEvent(self.id(), event, actor, self.now(), label, hidden_reads=self.lag_reads)
        item.events.append(line)
        item.updated_at = self.now()
        return line

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        """Tell the App what its own call changed, from another thread: the call is not answered yet."""
        if event in self.app.events:
            self.hooks.send_later(self.hooks.record(self.id(), event, payload, self.now()))

    def shape(self, repo: Repository, item: Issue) -> dict[str, Any]:
        """A pull request by its number."""
        return self.shapes.whole_pull(repo, item, self.head_repository(item))


def build(root: Path, clock: Now, *, slug: str, hook_secret: str) -> Hub:
    """A GitHub with one App, registered from the manifest of this project, and nothing else."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    owner = User(501, "app-owner", "Organization")
    bot = User(502, f"{slug}[bot]", "Bot")
    permissions, told = dict(manifest["default_permissions"]), tuple(manifest["default_events"])
    app = App(4711, slug, owner, bot, public, 60_001, permissions, told, clock.now())
    hub = Hub(root, clock, Shapes("", ""), app, private, Hooks(hook_secret, app))
    for user in (owner, bot):
        hub.enrol(user)
    return hub


def add_repository(hub: Hub, full_name: str, *, files: dict[str, str | bytes], private: bool, branch: str) -> Repository:
    """A repository with one commit, reached by its owner's installation (made when it is the first)."""
    login, _, name = full_name.partition("/")
    owner = hub.users.get(login.lower()) or hub.enrol(User(hub.id(), login, "Organization"))
    number = 700_000_001 + len(hub.repositories)
    repo = Repository(number, owner, name, hub.root / f"{number}.git", hub.now(), private, branch)
    gitside.create(repo.path, branch, files)
    hub.repositories[repo.id] = repo
    installation = next((i for i in hub.installations.values() if i.account.id == owner.id and not i.removed), None)
    if installation is None:
        number = 80_001 + len(hub.installations)
        installation = Installation(number, owner, set(), dict(hub.app.permissions), hub.now())
        hub.installations[installation.id] = installation
    installation.repositories.add(repo.id)
    return repo
