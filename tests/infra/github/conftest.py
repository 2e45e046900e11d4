"""The real client against the fake GitHub, with a clock that only moves when somebody waits."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.github.app import GitHubApp
from infra.github.board import GitHubBoard
from infra.github.client import GitHub
from infra.github.defaults import GitHubDefaults
from infra.github.forge import GitHubForge
from infra.github.lane import MemoryLane
from infra.github.pulls import GitHubPulls
from infra.github_auth import AppKey
from infra.redact import Redactor
from jobs.model import Repository
from jobs.ports import Clock
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub


@dataclass
class SlowClock:
    """The service's own clock, some seconds off GitHub's."""

    theirs: FakeClock = field(default_factory=FakeClock)
    off: float = 0.0

    def now(self) -> float:
        return self.theirs.now() + self.off

    def monotonic(self) -> float:
        return self.theirs.monotonic()

    def sleep(self, seconds: float) -> None:
        self.theirs.sleep(seconds)


@dataclass
class FakeKept:
    """What processes keep for each other."""

    facts: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.facts.get(key)

    def put(self, key: str, value: str) -> None:
        assert len(key) <= 64
        self.facts[key] = value


@dataclass
class Client:
    """Everything the service has of GitHub, for one repository."""

    github: GitHub
    app: GitHubApp
    forge: GitHubForge
    pulls: GitHubPulls
    board: GitHubBoard
    lane: MemoryLane
    repository: Repository
    redactor: Redactor


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_800_000_000.0)


@pytest.fixture
def fake(tmp_path: Path, clock: FakeClock) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github", clock=clock) as github:
        github.add_repository("acme/widgets", files={"README.md": "hello\n"})
        github.open_issue("Say hello", "It does not.", number=7, by="reporter")
        yield github
        github.check()


def connected(fake: FakeGitHub, clock: Clock, *, timeout_s: float = 5.0, path: str = "") -> Client:
    """A client of the fake as a process of its own would have it."""
    lane, redactor = MemoryLane(clock), Redactor()
    github = GitHub(AppKey(fake.app_id, fake.private_key), lane, clock, redactor, base_url=fake.url + path, timeout_s=timeout_s)
    app = GitHubApp(github, fake.app_id)
    where = fake.repo()
    repository = Repository(where.id, where.full_name, fake.installation().id)
    return Client(
        github,
        app,
        GitHubForge(github, app, GitHubDefaults(github, FakeKept(), clock), clock),
        GitHubPulls(github, app, clock),
        GitHubBoard(github, app),
        lane,
        repository,
        redactor,
    )


@pytest.fixture
def client(fake: FakeGitHub, clock: FakeClock) -> Iterator[Client]:
    made = connected(fake, clock)
    yield made
    made.github.close()
