"""`python -m tests.faults.worker`: starts workers for the matrix. Each is a fork that wires the real services through points.

Reads one JSON object a line and answers each with one: a job is worked on until nothing is due, or until its fault strikes.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import structlog

from app import settings as settings_module
from app.housekeeping import Leftovers
from app.relay import Relay, Sender
from app.settings import Settings
from app.wiring.ground import Ground
from app.wiring.keep import converging
from app.wiring.web import Front
from app.wiring.work import Workshop
from app.worker import Horse
from delivery.manager import DeliveryManager
from infra.redis_server import place
from infra.store.announcements import SqlAnnouncements
from infra.store.engine import database
from infra.store.ledger import SqlLedger
from tests.faults.clock import SharedClock
from tests.faults.points import Plan, Points

LEASE_S = 100.0
MOST_ROUNDS = 60
log = structlog.get_logger("slipway.faults")


class FaultyGround(Ground):
    """The store and the bell, with points and the shared time."""

    def __init__(self, settings: Settings, clock: SharedClock, points: Points) -> None:
        super().__init__(settings, check=False)
        self._clock, self.points = clock, points

    @cached_property
    def clock(self) -> Any:
        """The shared one."""
        return self._clock

    @cached_property
    def ledger(self) -> Any:
        """With points."""
        return self.points.watch(SqlLedger(self.engine, messages=self.callbacks, lease_s=LEASE_S), "ledger")

    @cached_property
    def effects(self) -> Any:
        """With points."""
        return self.points.watch(super().effects, "effects")

    @cached_property
    def inbox(self) -> Any:
        """With points."""
        return self.points.watch(super().inbox, "inbox")

    @cached_property
    def runs(self) -> Any:
        """With points."""
        return self.points.watch(super().runs, "runs")

    @cached_property
    def outbox(self) -> Any:
        """With points."""
        return self.points.watch(super().outbox, "outbox")


class FaultyShop(Workshop):
    """A worker's services, with points."""

    def __init__(self, ground: FaultyGround) -> None:
        super().__init__(ground)
        self.points = ground.points
        outside: Any = self.outside
        outside.boards = self.points.watch(self.outside.boards, "board")
        outside.pulls = self.outside.pulls and self.points.watch(self.outside.pulls, "pulls")

    @cached_property
    def ports(self) -> Any:
        """With points."""
        ports, watch = super().ports, self.points.watch
        return replace(
            ports, workspaces=watch(ports.workspaces, "workspaces"), agents=watch(ports.agents, "agents"), gates=watch(ports.gates, "gates")
        )

    @cached_property
    def deliveries(self) -> dict[str, DeliveryManager]:
        """With points."""
        managers: dict[str, Any] = dict(super().deliveries)
        return {kind: replace(one, remote=self.points.watch(one.remote, "remote")) for kind, one in managers.items()}

    @cached_property
    def relay(self) -> Relay:
        """With points."""
        return replace(super().relay, announcements=self.points.watch(SqlAnnouncements(self.ground.engine), "announcements"))

    @cached_property
    def sender(self) -> Sender:
        """With points."""
        sender = super().sender
        return replace(sender, courier=self.points.watch(sender.courier, "courier"))


def work(job: Mapping[str, Any]) -> None:
    """One worker's life: take in what GitHub sends, then do whatever is due, until nothing is."""
    settings = settings_module.load(job["environ"])
    plan = Plan(**job["plan"]) if job["plan"] else None
    trace = Path(job["trace"]) if job["trace"] else None
    points = Points(plan, trace, database(settings.data_dir), place(Path(job["redis"])))
    ground = FaultyGround(settings, SharedClock(Path(job["clock"])), points)
    asyncio.run(_receive(Front(ground), [Path(one) for one in job["deliveries"]]))
    shop = FaultyShop(ground)
    Leftovers(shop.workspaces, ground.ledger)()
    for duty in converging(ground, shop.outside):
        duty.do()
    for _ in range(MOST_ROUNDS):
        if not _round(ground, shop):
            return
    raise AssertionError("there is no end of work")


async def _receive(front: Front, deliveries: list[Path]) -> None:
    """Take webhooks in by the real application; what each was answered stands beside it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front.application), base_url="http://slipway") as client:
        for path in deliveries:
            told = json.loads(path.read_text())
            answer = await client.post("/webhook", content=told["body"].encode(), headers=told["headers"])
            path.with_suffix(".answer").write_text(str(answer.status_code))
    front.bell.close()


def _round(ground: FaultyGround, shop: FaultyShop) -> bool:
    """Everything that is due once; False when there was nothing. A claim that finds no row is nothing."""
    ground.ledger.expire()
    ground.ledger.wake()
    horse = Horse(shop.work(f"worker-{os.getpid()}"), "agents", grace_s=60.0)
    duties: list[tuple[Callable[[Any], None], list[Any]]] = [
        (shop.intake.handle, ground.inbox.due(10)),
        (shop.relay.announce, SqlAnnouncements(ground.engine).due(10)),
        (horse.advance, ground.ledger.due(1, "agents")),
        (shop.sender.send, ground.outbox.due(10)),
    ]
    for function, rows in duties:
        for row in rows:
            try:
                function(row)
            except Exception:
                log.exception("a bug")
    return any(rows for _, rows in duties)


def _fork(job: Mapping[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with Path(job["log"]).open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        work(job)
        code = 0
    except BaseException:
        logging.getLogger().exception("the worker broke")
    finally:
        sys.stdout.flush()
        os._exit(code)


def _ended(child: int) -> dict[str, Any]:
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"pid": child, "end": "stopped"}
    return {"pid": child, "end": "killed" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"}


def main() -> None:
    """Answer jobs until standard input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        if "go_on" in job:
            os.kill(job["go_on"], signal.SIGCONT)
            told = _ended(job["go_on"])
        else:
            told = _ended(_fork(job))
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
