"""The web application over a town, as a browser or a program meets it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.access import access
from app.api.health import Part
from app.api.ports import Desk
from app.api.seats import Seats
from app.api.watching import Watch
from app.catalogue import admit
from app.dashboard.github import GitHubSignIn
from app.dashboard.office import Office
from app.dashboard.sign_in import Tries, Ways
from app.dashboard.standing import Standing
from app.knowledge import Knowledge
from app.main import application
from app.server_file import ServerFile
from handlers.facts import Admitted, Facts, Forge
from infra.artifacts import FileArtifacts
from infra.clock import SystemClock
from infra.store.asked import SqlAsked
from infra.store.finding import SqlFinding
from infra.store.inbox import SqlInbox
from infra.store.outbox import SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.visits import SqlVisits
from jobs.errors import UserError
from jobs.model import Actor, Repository
from jobs.rules import Rules
from tests.app.town import DOCS, RULES, SHOP, Town

HERE = "http://127.0.0.1:8080"
ACTOR_PER_HOUR = 5


@dataclass
class FakeBell:
    """Remembers who was woken."""

    rung: list[tuple[str, str | int, str | None]] = field(default_factory=list)

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        self.rung.append((function, row, queue))


class FakeCatalogue:
    """Two repositories with the same rules."""

    def find(self, name: str) -> Repository:
        found = {one.full_name: one for one in (SHOP, DOCS)}.get(name)
        if found is None:
            raise UserError(f"{name} is not a repository of this installation.")
        return found

    def rules(self, repository: Repository) -> Rules:
        return RULES

    def admit(self, rules: Rules, agent: str | None) -> None:
        admit(rules, agent)


async def webhook(scope: Scope, receive: Receive, send: Send) -> None:
    """A webhook route that takes everything."""
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True)
class FakeRoles:
    """A forge of which only people's roles are asked, and who we are."""

    roles: Mapping[str, str]

    def permission(self, repository: Repository, actor: Actor) -> str:
        return self.roles.get(actor.login, "none")

    def own(self, repository: Repository) -> frozenset[int]:
        return frozenset()


class FakeConfigs:
    """The same rules everywhere."""

    def read(self, repository: Repository) -> Rules:
        return RULES


def knowledge(town: Town, roles: Mapping[str, str]) -> Knowledge:
    """What is known of people by these roles."""
    facts = Facts(admitted=Admitted(actor_per_hour=ACTOR_PER_HOUR))
    forge = cast("Forge", FakeRoles(roles))
    return Knowledge(forge, FakeConfigs(), SqlRuns(town.engine), SqlFinding(town.engine), SqlAsked(town.engine), facts)


@dataclass(frozen=True)
class Web:
    """A client, and what stands behind it."""

    client: TestClient
    app: Starlette
    bell: FakeBell
    seats: Seats
    visits: SqlVisits


def web(
    town: Town,
    *,
    tokens: tuple[str, ...] = (),
    bind: str = "127.0.0.1:8080",
    peer: str = "127.0.0.1",
    parts: tuple[Part, ...] = (),
    public_url: str | None = None,
    github: GitHubSignIn | None = None,
    roles: Mapping[str, str] | None = None,
    know: Callable[[], Knowledge] | None = None,
) -> Web:
    """The application with these settings, asked from `peer`. `roles` are what GitHub says of each login."""
    reading, bell, seats, visits = SqlReading(town.engine), FakeBell(), Seats(), SqlVisits(town.engine)
    desk = Desk(
        reading=reading,
        runs=SqlRuns(town.engine),
        catalogue=FakeCatalogue(),
        artifacts=FileArtifacts(town.engine, town.data / "artifacts"),
        callbacks=SqlOutbox(town.engine),
        bell=bell,
        access=access(tokens, bind, public_url, visits),
        clock=SystemClock(),
        seats=seats,
        watch=Watch(reading, SystemClock().monotonic),
    )
    office = Office(
        desk=desk,
        looking=reading,
        inbox=SqlInbox(town.engine),
        outbox=SqlOutbox(town.engine),
        parts=parts,
        settings={
            "bind": bind,
            "public_url": public_url,
            "api_tokens": ["**********"] * len(tokens),
            "redis_url": None,
            "server": ServerFile().model_dump(mode="json"),
        },
        ways=Ways(Tries(SystemClock().monotonic), visits, github),
        standing=Standing(know or (lambda: knowledge(town, roles or {}))),
    )
    app = application(office, webhook, reading)
    client = TestClient(app, base_url=public_url or HERE, client=(peer, 50000), raise_server_exceptions=False)
    return Web(client, app, bell, seats, visits)
