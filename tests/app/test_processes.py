"""`slipway up`, `web`, `worker` and `keeper` as an operator starts them: real processes on a real store and Redis."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import processes
from infra.clock import SystemClock
from infra.redis_server import Server, adopt, answer, place, stop
from infra.store import schema
from infra.store.engine import connect, database, sqlite_url
from infra.store.ledger import SqlLedger
from tests.app.test_supervisor import alive, soon
from tests.infra.store.asked import start
from tests.serving import embedded_redis

CLOCK = SystemClock()
ROOT = Path(__file__).parent.parent.parent
LOOPS = {"up": {"web", "worker", "keeper"}, "web": {"web"}, "worker": {"worker"}, "keeper": {"keeper"}}


@dataclass
class Machine:
    """A machine with a data directory, on which commands of the service are started."""

    data: Path
    port: int
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, command: str, terminal: int | None = None, **environ: str) -> "subprocess.Popen[bytes]":
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data),
            "SLIPWAY_DATA_DIR": str(self.data),
            "SLIPWAY_BIND": f"127.0.0.1:{self.port}",
        }
        secret = {"SLIPWAY_WEBHOOK_SECRETS": "a webhook secret of enough bytes"}
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        log = (self.data / f"{command}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", command],
            cwd=ROOT,
            env={**told, **secret, **measured, **environ},
            stdout=log,
            stderr=log if terminal is None else terminal,
        )
        log.close()
        self.started.append(process)
        return process

    def log(self, command: str) -> list[dict[str, Any]]:
        lines = (self.data / f"{command}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ready(self, *parts: str) -> bool:
        """Whether the web role answers and these parts of it are well."""

        def look() -> bool:
            state = self.readiness()
            return bool(state) and all(state["parts"][part]["state"] == "ok" for part in parts)

        return soon(look)

    def readiness(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as reply:
                return dict(json.loads(reply.read()))
        except urllib.error.HTTPError as error:
            return dict(json.loads(error.read()))
        except OSError:
            return {}

    def status(self, path: str, body: bytes | None = None) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body, timeout=30) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    def workers(self) -> list[Mapping[str, Any]]:
        """The rows of the processes that have not ended."""
        engine = connect(sqlite_url(database(self.data)))
        try:
            with engine.connect() as connection:
                if not sa.inspect(connection).has_table("worker"):
                    return []
                return [
                    dict(row) for row in connection.execute(sa.select(schema.worker).where(schema.worker.c.ended_at.is_(None))).mappings()
                ]
        finally:
            engine.dispose()

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        spot = place(self.data, self.data)
        if answer(spot.socket) == "ok":
            stop(Server(spot, adopted=True, ownership=os.open(self.data, os.O_RDONLY)))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Machine(tmp_path, port)
    yield made
    made.close()


def test_up_starts_everything_says_what_it_is_and_leaves_nothing(machine: Machine) -> None:
    """Proves: 001-32, 001-42, 001-53."""
    up = machine.start("up")
    assert machine.ready("store", "redis", "keeper", "workers")
    assert soon(lambda: len(machine.workers()) == 7)
    rows = machine.workers()
    assert {row["role"] for row in rows} == {"web", "worker", "keeper"}
    assert all(alive(row["pid"]) for row in rows)
    told = [line for line in machine.log("up") if line["event"] == "started"]
    assert {(line["role"], line["pid"]) for line in told} == {(row["role"], row["pid"]) for row in rows}
    assert {(row["version"], row["config_hash"]) for row in rows} == {(line["version"], line["config"]) for line in told}
    up.send_signal(signal.SIGTERM)
    assert up.wait(30) == 0
    assert not any(alive(row["pid"]) for row in rows)
    assert machine.workers() == []
    assert answer(place(machine.data).socket) == "down"
    assert "once=" not in (machine.data / "up.log").read_text()


def test_with_nothing_configured_only_set_up_is_served_and_the_terminal_has_its_token(machine: Machine) -> None:
    """Proves: T19."""
    up = machine.start("up", SLIPWAY_WEBHOOK_SECRETS="")
    assert machine.ready("store")
    told = (machine.data / "up.log").read_text()
    (token,) = re.findall(r"one-time token: (\S+)", told)
    assert f"Open http://127.0.0.1:{machine.port}/setup" in told
    assert token not in "".join(map(str, machine.log("up")))
    assert {path: machine.status(path) for path in ("/setup", "/healthz", "/runs", "/api/v1/runs", "/metrics", "/login")} == {
        "/setup": 200, "/healthz": 200, "/runs": 404, "/api/v1/runs": 404, "/metrics": 404, "/login": 404,
    }  # fmt: skip
    assert machine.status("/webhook", b"{}") == 503
    up.terminate()
    assert up.wait(30) == 0


def test_a_terminal_is_shown_a_link_that_signs_in_once_and_a_log_is_not(machine: Machine) -> None:
    """Proves: T04."""
    ours, theirs = os.openpty()
    machine.start("up", terminal=theirs, SLIPWAY_API_TOKENS="a-token-of-the-operator")
    os.close(theirs)
    shown, deadline = "", CLOCK.monotonic() + 60
    while "within 15 minutes" not in shown and CLOCK.monotonic() < deadline:
        shown += os.read(ours, 65536).decode()
    link = re.search(rf"Open http://127\.0\.0\.1:{machine.port}(/login\?once=\S+) to sign in", shown)
    assert link, shown
    assert machine.ready("store")
    assert [machine.status(link[1]) for _ in range(2)] == [200, 403]
    os.close(ours)


@pytest.mark.parametrize("role", ["web", "worker", "keeper"])
def test_a_role_starts_its_own_loop_and_no_other(machine: Machine, role: str) -> None:
    """Proves: 001-08, 001-29, 001-30, 001-53."""
    with embedded_redis(machine.data):
        alone = machine.start(role)
        assert soon(lambda: database(machine.data).exists() and bool(machine.workers()))
        CLOCK.sleep(0.5)
        assert {row["role"] for row in machine.workers()} == {role}
        alone.terminate()
        assert alone.wait(30) == 0


def test_after_a_kill_nothing_lives_but_redis_and_the_next_up_adopts_it(machine: Machine) -> None:
    """Proves: I05, I12."""
    first = machine.start("up")
    assert machine.ready("store", "workers")
    pids, server = [row["pid"] for row in machine.workers()], adopt(place(machine.data))
    first.kill()
    first.wait()
    assert soon(lambda: not any(alive(pid) for pid in pids))
    assert answer(server.place.socket) == "ok"
    second = machine.start("up")
    assert machine.ready("store", "redis", "workers")
    second.terminate()
    assert second.wait(30) == 0
    assert answer(server.place.socket) == "down"


def test_a_killed_web_process_refuses_nobody(machine: Machine) -> None:
    """Proves: I01."""
    machine.start("up")
    assert machine.ready("store")
    web = next(row["pid"] for row in machine.workers() if row["role"] == "web")
    os.kill(web, signal.SIGKILL)
    with urllib.request.urlopen(f"http://127.0.0.1:{machine.port}/healthz", timeout=20) as reply:
        assert reply.status == 200


def test_what_a_killed_worker_held_is_taken_back_as_soon_as_its_end_is_seen(machine: Machine) -> None:
    """Its lease would have run for 45 seconds more. Proves: F24, I05, 001-21."""
    machine.start("up")
    assert machine.ready("workers")
    victim = next(row for row in machine.workers() if ":agents-" in row["id"])
    engine = connect(sqlite_url(database(machine.data)))
    ledger, run = SqlLedger(engine), start(engine, test=True)
    assert ledger.claim("test", victim["id"])
    os.kill(victim["pid"], signal.SIGKILL)
    assert soon(lambda: ledger.load(run.id).lost_workers == 1)
    engine.dispose()


def test_a_killed_redis_is_started_again(machine: Machine) -> None:
    """Proves: F21."""
    machine.start("up")
    assert machine.ready("store", "redis")
    spot = place(machine.data)
    pid = int(next(path.name for path in Path("/proc").glob("[0-9]*") if str(spot.socket) in _command(path)))
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: not alive(pid))
    assert soon(lambda: answer(spot.socket) == "ok")
    assert machine.ready("redis")


def _command(path: Path) -> str:
    try:
        return (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_lone_role_without_redis_refuses_in_one_line(machine: Machine) -> None:
    worker = machine.start("worker")
    assert worker.wait(30) == 1
    told = (machine.data / "worker.log").read_text().splitlines()
    assert len(told) == 1
    assert "Set SLIPWAY_REDIS_URL" in told[0]


def test_an_address_in_use_is_refused_in_one_line(machine: Machine) -> None:
    """Proves: 002-16."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.port))
        taken.listen()
        up = machine.start("up")
        assert up.wait(30) == 1
    last = (machine.data / "up.log").read_text().splitlines()[-1]
    assert f"127.0.0.1:{machine.port} cannot be listened on" in last
    assert answer(place(machine.data).socket) == "down"


def test_the_table_of_roles_is_this() -> None:
    """Proves: 001-29."""
    assert {command: set(roles) for command, roles in processes.ROLES.items()} == LOOPS
