"""A whole installation as an operator has it: `slipway up` in processes of its own, and a GitHub that remembers beside it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.demo.receiver import Receiver
from infra.redis_server import Server, answer, place, stop
from infra.store import schema
from infra.store.engine import connect, database, sqlite_url
from jobs.model import FINAL, HELD
from jobs.record import Violation
from tests.fakes.github import FakeGitHub
from tests.faults import witness
from tests.stories.world import CALLBACK_SECRET, FILES

ROOT = Path(__file__).parents[2]
ROLES = ("web", "worker", "horse", "agent", "keeper", "redis")
HELD_STATES = tuple(state.value for state in HELD)
FINAL_STATES = tuple(state.value for state in FINAL)


@dataclass
class Installation:
    """See the module. `root` is a directory of its own; everything of the installation is in it but a PostgreSQL, if it has that `url`."""

    root: Path
    github: FakeGitHub
    receiver: Receiver
    port: int
    url: str | None = None
    up: "subprocess.Popen[bytes] | None" = None
    died: float = 0.0
    asked: list[int] = field(default_factory=list)
    _engine: sa.Engine | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen anywhere."""
        return (self.github.webhook_secret, self.github.private_key, CALLBACK_SECRET)

    @property
    def engine(self) -> sa.Engine:
        """The store, for looking."""
        self._engine = self._engine or connect(self.url or sqlite_url(database(self.data)))
        return self._engine

    # life

    def start(self) -> None:
        """`slipway up`, ready."""
        with (self.root / "up.log").open("ab") as log:
            self.up = subprocess.Popen([sys.executable, "-m", "app", "up"], cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        await_(self.ready, 60, "slipway up is ready")

    def kill(self) -> None:
        """All of it is gone at once, as with the machine; Redis too."""
        assert self.up
        pids = list(self.victims()["redis"])
        self.died = time.time()
        self.up.kill()
        self.up.wait()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def ready(self) -> bool:
        """Whether it says so itself."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def command(self, *words: str) -> tuple[int, str]:
        """What the operator's own command says, in a process of its own: its exit code and all it printed."""
        said = subprocess.run(
            [sys.executable, "-m", "app", *words], cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )
        return said.returncode, (said.stdout + said.stderr).strip()

    def close(self) -> None:
        """End everything that was started."""
        if self.up and self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            try:
                self.up.wait(30)
            except subprocess.TimeoutExpired:
                self.up.kill()
                self.up.wait()
        if self._engine:
            self._engine.dispose()
        spot = place(self.data)
        if answer(spot.socket) == "ok":
            stop(Server(spot, adopted=True, ownership=os.open(self.root, os.O_RDONLY)))

    @property
    def environ(self) -> Mapping[str, str]:
        """What its commands are told."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "SLIPWAY_DATA_DIR": str(self.data),
            "SLIPWAY_BIND": f"127.0.0.1:{self.port}",
            "SLIPWAY_CONFIG": str(self.root / "slipway.toml"),
            "SLIPWAY_WEBHOOK_SECRETS": self.github.webhook_secret,
            "SLIPWAY_GITHUB_APP_ID": self.github.app_id,
            "SLIPWAY_GITHUB_PRIVATE_KEY": self.github.private_key,
            "SLIPWAY_GITHUB_API_URL": self.github.url,
            "SLIPWAY_GITHUB_URL": self.github.url,
            "SLIPWAY_CALLBACK_SECRETS": CALLBACK_SECRET,
            "SLIPWAY_CALLBACK_ALLOW_HOSTS": self.receiver.address,
            **({"SLIPWAY_DATABASE_URL": self.url} if self.url else {}),
        }

    # people

    def ask(self, body: str) -> None:
        """Somebody opens an issue and puts the label on it."""
        number = self.github.open_issue(f"Task {len(self.asked) + 1}", body, deliver=False).number
        self.asked.append(number)
        self.github.add_label(issue=number, name="slipway")

    def redeliver(self) -> None:
        """What nobody took is sent again, as the list of deliveries offers; the newest line of a guid counts."""
        newest = {one.guid: one for one in self.github.deliveries if one.sent}
        for delivery in newest.values():
            if not 200 <= delivery.status_code < 300:
                self.github.redeliver(delivery)

    # looking

    def victims(self) -> dict[str, list[int]]:
        """The living processes, by role. Empty lists for what is not there at the moment."""
        found: dict[str, list[int]] = {role: [] for role in ROLES}
        parents = _parents()
        for row in self.rows(sa.select(schema.worker.c.role, schema.worker.c.pid).where(schema.worker.c.ended_at.is_(None))):
            if self.up and parents.get(row.pid) == self.up.pid:
                found[row.role].append(row.pid)
        found["horse"] = [pid for pid, parent in parents.items() if parent in found["worker"] and _program(pid) == _program(parent)]
        found["agent"] = [pid for pid in parents if _is_below(pid, found["horse"], parents)]
        found["redis"] = [pid for pid in parents if str(place(self.data).directory / "valkey") in _cwd(pid)]
        return found

    def held(self) -> dict[str, str]:
        """Runs that are at work, and who holds them."""
        run = schema.run.c
        return {row.id: row.lease_owner or "" for row in self.rows(sa.select(run.id, run.lease_owner).where(run.state.in_(HELD_STATES)))}

    def unfinished(self) -> int:
        """How many things still have to come to an end: webhooks, runs, announcements and callbacks."""
        run, inbox, outbox = schema.run.c, schema.inbox.c, schema.outbox.c
        counts = [
            sa.select(sa.func.count()).where(run.state.not_in(FINAL_STATES) | (run.announced < run.version)),
            sa.select(sa.func.count()).where(inbox.state == "pending"),
            sa.select(sa.func.count()).where(outbox.state == "pending"),
        ]
        return sum(int(self.rows(count)[0][0]) for count in counts)

    def orphans(self, since_s: float) -> list[str]:
        """Runs at work whose lease ended longer ago than that."""
        run = schema.run.c
        return [row.id for row in self.rows(sa.select(run.id).where(run.state.in_(HELD_STATES), run.lease_until < time.time() - since_s))]

    def disagreements(self) -> list[str]:
        """Where the store, its file and the machine say different things, after everything came to an end."""
        known = {row.pid for row in self.rows(sa.select(schema.worker.c.pid).where(schema.worker.c.ended_at.is_(None)))}
        living = {pid for pid, parent in _parents().items() if self.up and parent == self.up.pid and pid in known}
        integrity = "ok"
        if self.url is None:
            with self.engine.connect() as connection:
                integrity = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
        return [
            *(f"I05 {pid}: the store knows a process that is not there" for pid in sorted(known - living)),
            *(f"I05 {run}: held by {owner} after everything ended" for run, owner in self.held().items()),
            *([f"I19 the store's file: {integrity}"] if integrity != "ok" else []),
        ]

    def claims(self, run_id: str) -> list[float]:
        """When a run was claimed."""
        event = schema.event.c
        kinds = ("Claimed", "ClaimedForDelivery")
        return [row.at for row in self.rows(sa.select(event.at).where(event.run_id == run_id, event.type.in_(kinds)).order_by(event.seq))]

    def rows(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        """The rows of a query."""
        with self.engine.connect().execution_options(slipway_read_only=True) as connection:
            return list(connection.execute(query))

    def wrong(self) -> list[Violation]:
        """What must never be."""
        return witness.wrong(self.engine, self.data, self.github, self.secrets)


@contextmanager
def installation(root: Path, server_file: str = "", files: Mapping[str, str] = FILES, url: str | None = None) -> Iterator[Installation]:
    """An installation that runs, with one repository of `files`, and is gone afterwards; on SQLite, or the PostgreSQL of `url`."""
    root.mkdir(parents=True, exist_ok=True)
    with FakeGitHub(root / "github") as github, Receiver(CALLBACK_SECRET) as receiver:
        github.add_repository("acme/greeter", files=dict(files))
        (root / "slipway.toml").write_text(f'[[callbacks]]\nurl = "{receiver.url}"\n{server_file}')
        made = Installation(root, github, receiver, free_port(), url)
        github.hooks.url = f"http://127.0.0.1:{made.port}/webhook"
        try:
            made.start()
            yield made
        finally:
            made.close()


def await_(true: Callable[[], bool], most_s: float, what: str) -> float:
    """Wait until something is true; how long it took. Raises AssertionError when it does not become true."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > most_s:
            raise AssertionError(f"after {most_s:.0f} s it is still not so that {what}")
        time.sleep(0.2)
    return time.monotonic() - began


def free_port() -> int:
    """A port nobody listens on, and below those that the kernel gives to whoever connects: it has to be free again after each death."""
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port")


def _parents() -> dict[int, int]:
    found = {}
    for at in Path("/proc").glob("[0-9]*"):
        try:
            found[int(at.name)] = int((at / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    return found


def _is_below(pid: int, roots: list[int], parents: Mapping[int, int]) -> bool:
    at = parents.get(pid, 0)
    while at > 1:
        if at in roots:
            return True
        at = parents.get(at, 0)
    return False


def _program(pid: int) -> str:
    """What it runs: a work-horse is a fork of its worker, and the git of an errand is not."""
    return _link(pid, "exe")


def _cwd(pid: int) -> str:
    return _link(pid, "cwd")


def _link(pid: int, name: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:
        return ""
