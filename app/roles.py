"""The life of each process of the service, from its introduction to SIGTERM."""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from types import FrameType
from typing import Protocol

import structlog
import uvicorn

from app.lanes import Lanes
from app.rq_worker import answer_bells
from app.settings import Settings
from app.setup.registration import one_time_token
from app.version import VERSION
from app.wiring.ground import Ground
from app.wiring.keep import keeper
from app.wiring.web import Front
from app.wiring.work import Workshop
from infra.clock import SystemClock
from infra.redact import Redactor
from infra.rq_queue import waiting_client
from infra.store.keeping import SqlWorkers

log = structlog.get_logger("slipway.processes")
DRAIN_S = 60.0
"""How long a worker may go on with its run after it is told to stop."""
WEB_DRAIN_S = 10
SEEN_EVERY_S = 10.0


class Workers(Protocol):
    """The record of processes."""

    def seen(self, worker_id: str) -> None:
        """It is alive."""
        ...

    def ended(self, worker_id: str) -> None:
        """It is gone."""
        ...


class Ledger(Protocol):
    """The store of runs, as whoever sees a process end needs it."""

    def lost(self, owner: str) -> list[str]:
        """Take back what an ended worker held; the ids that are queued again."""
        ...


@dataclass
class Start:
    """What all processes of one start have in common. The supervisor says for its children that they are alive."""

    settings: Settings
    redactor: Redactor
    setup_token: str = field(default_factory=one_time_token, repr=False)
    stamp: int = field(default_factory=lambda: int(SystemClock().now()))
    _due: float = 0.0
    _known: frozenset[str] = frozenset()

    def name(self, child: str, pid: int) -> str:
        """How the store knows a process."""
        return f"{socket.gethostname()}:{child}:{pid}:{self.stamp}"

    def introduce(self, role: str, child: str) -> Ground:
        """Say in log and store what this process is; what it stands on."""
        ground, pid, host = Ground(self.settings, redactor=self.redactor, check=False), os.getpid(), socket.gethostname()
        config = self.settings.config_hash
        log.info("started", role=role, pid=pid, version=VERSION, config=config)
        SqlWorkers(ground.engine).started(self.name(child, pid), role=role, host=host, pid=pid, version=VERSION, config_hash=config)
        return ground

    def seen(self, workers: Workers, ledger: Ledger, living: Mapping[str, int]) -> None:
        """Keep the record of the processes that live and of those that are gone, and take back what the latter held.

        A worker's horse is killed by the kernel before its parent's end can be seen here, and its agent with it.
        """
        names = frozenset(self.name(child, pid) for child, pid in living.items())
        for name in self._known - names:
            ledger.lost(name)
            workers.ended(name)
        now = SystemClock().monotonic()
        if now >= self._due:
            self._due = now + SEEN_EVERY_S
            for name in names:
                workers.seen(name)
        self._known = names


def serve_web(start: Start, listener: socket.socket) -> None:
    """Webhooks, API and dashboard; before anything is configured, only its set-up."""
    front = Front(start.introduce("web", "web"))
    config = uvicorn.Config(
        front.set_up(start.setup_token) if start.settings.setup_mode else front.application,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever connects is whom the audit line names; nobody is taken at a header's word
        lifespan="on",
        timeout_graceful_shutdown=WEB_DRAIN_S,
    )
    server = uvicorn.Server(config)

    def leave(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, leave)  # before uvicorn listens to it, and after: it raises it once more for whoever was there
    server.run(sockets=[listener])
    front.close()


def answer(start: Start, queue: str, child: str) -> None:
    """A worker: answers the bells of one queue."""
    ground = start.introduce("worker", child)
    work = Workshop(ground).work(start.name(child, os.getpid()))
    answer_bells(waiting_client(ground.redis_url), queue, work, DRAIN_S)


def send(start: Start, child: str) -> None:
    """The sender: takes callbacks to their receivers."""
    ground = start.introduce("worker", child)
    lanes = Lanes(ground.outbox, Workshop(ground).sender.send, ground.clock)
    told = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: told.set())
    while not told.is_set():
        told.wait(lanes.fill())
    lanes.close()


def keep(start: Start) -> None:
    """The keeper: does its rounds."""
    mine = keeper(start.introduce("keeper", "keeper"), name=start.name("keeper", os.getpid()), host=socket.gethostname())
    told = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: told.set())
    while not told.is_set():
        told.wait(mine.rounds(told.is_set))
