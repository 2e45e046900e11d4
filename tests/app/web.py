"""The web application over a town, as a browser or a program meets it."""

from dataclasses import dataclass, field

from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.access import access
from app.api.health import Part
from app.api.ports import Desk
from app.api.seats import Seats
from app.dashboard.office import Office
from app.dashboard.sign_in import Tries
from app.main import application
from infra.artifacts import FileArtifacts
from infra.clock import SystemClock
from infra.store.inbox import SqlInbox
from infra.store.outbox import SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from jobs.errors import UserError
from jobs.model import Repository
from jobs.rules import Rules
from tests.app.town import DOCS, RULES, SHOP, Town

HERE = "http://127.0.0.1:8080"


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


async def webhook(scope: Scope, receive: Receive, send: Send) -> None:
    """A webhook route that takes everything."""
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True)
class Web:
    """A client, and what stands behind it."""

    client: TestClient
    bell: FakeBell
    seats: Seats


def web(
    town: Town,
    *,
    tokens: tuple[str, ...] = (),
    bind: str = "127.0.0.1:8080",
    peer: str = "127.0.0.1",
    parts: tuple[Part, ...] = (),
    public_url: str | None = None,
) -> Web:
    """The application with these settings, asked from `peer`."""
    reading, bell, seats = SqlReading(town.engine), FakeBell(), Seats()
    desk = Desk(
        reading=reading,
        runs=SqlRuns(town.engine),
        catalogue=FakeCatalogue(),
        artifacts=FileArtifacts(town.engine, town.data / "artifacts"),
        callbacks=SqlOutbox(town.engine),
        bell=bell,
        access=access(tokens, bind, public_url),
        clock=SystemClock(),
        seats=seats,
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
            "server": {"limits": {"workers": 2}},
        },
        tries=Tries(SystemClock().monotonic),
    )
    app = application(office, webhook, reading)
    return Web(TestClient(app, base_url=public_url or HERE, client=(peer, 50000), raise_server_exceptions=False), bell, seats)
