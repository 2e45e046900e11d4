"""Named points before and after every call of a port, at which a process can be made to fail. The product knows nothing of them.

A point is `before effects.intend:push` or `after ledger.commit:Passed`: side, role, method, and where it matters what the call is about.
"""

import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.redis_server import Place

LOCKED_S = 0.7
FAULTS = ("kill", "exception", "stall", "redis", "locked")
SIDES = ("before", "after")


def _nothing(*arguments: Any) -> str:
    return ""


def _kind(run: Any, kind: str, *rest: Any) -> str:
    return f":{kind}"


def _of_effect(run: Any, effect: Any, *rest: Any) -> str:
    return f":{effect.kind}"


def _event(run: Any, event: Any) -> str:
    return f":{type(event).__name__}"


WATCHED: Mapping[str, Mapping[str, Callable[..., str]]] = {
    "inbox": {"insert": _nothing, "claim": _nothing, "finish": _nothing},
    "runs": {"start": _nothing},
    "ledger": {"claim": _nothing, "commit": _event},
    "effects": {"intend": _kind, "done": _of_effect},
    "workspaces": {"prepare": _nothing, "harvest": _nothing, "dispose": _nothing},
    "agents": {"launch": _nothing},
    "gates": {"run": _nothing},
    "remote": {"push": _nothing, "push_record": _nothing},
    "pulls": {"create": _nothing, "label": _nothing},
    "board": {"comment": _nothing, "edit_comment": _nothing, "set_labels": _nothing, "start_check": _nothing, "update_check": _nothing},
    "announcements": {"claim": _nothing, "done": _nothing},
    "outbox": {"claim": _nothing, "sent": _nothing},
    "courier": {"post": _nothing},
}
"""The calls that have points, and what names them beside role and method."""


class Planted(Exception):
    """The bug that was planted."""


@dataclass(frozen=True)
class Plan:
    """One fault: at the n-th time the process comes by the point."""

    point: str
    fault: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.fault} {self.point}" + (f" #{self.nth}" if self.nth > 1 else "")


@dataclass
class Points:
    """The points of one process. `trace` is a file that gets the name of each one passed."""

    plan: Plan | None
    trace: Path | None
    database: Path
    redis: Place
    _seen: Counter[str] = field(default_factory=Counter)

    def watch(self, target: Any, role: str) -> Any:
        """The same object, with its points."""
        return Watched(target, role, self)

    def passed(self, point: str) -> None:
        """The process comes by."""
        self._seen[point] += 1
        if self.trace:
            with self.trace.open("a") as file:
                file.write(f"{point}\n")
        if self.plan and (self.plan.point, self.plan.nth) == (point, self._seen[point]):
            self._fail(self.plan.fault)

    def _fail(self, fault: str) -> None:
        match fault:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exception":
                raise Planted("a planted bug")
            case "stall":
                stop_here()  # whoever started us lets us go on, long after the lease
            case "redis":
                _kill_redis(self.redis)
            case "locked":
                _lock(self.database)


class Watched:
    """An object whose calls come by points."""

    def __init__(self, target: Any, role: str, points: Points) -> None:
        self._target, self._role, self._points = target, role, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        named = WATCHED[self._role].get(name)
        if named is None:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            point = f"{self._role}.{name}{named(*arguments)}"
            self._points.passed(f"before {point}")
            result = found(*arguments, **options)
            self._points.passed(f"after {point}")
            return result

        return call


def stop_here() -> None:
    """Stop this process at this very place. Told to the process, another thread may hear it, and this one goes on for a while."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def both_sides(calls: Sequence[str]) -> list[str]:
    """The points of calls, each once, in their order."""
    return [f"{side} {call}" for call in dict.fromkeys(calls) for side in SIDES]


def _kill_redis(where: Place) -> None:
    for at in Path("/proc").glob("[0-9]*"):
        try:
            if (at / "cwd").readlink() == where.data:
                os.kill(int(at.name), signal.SIGKILL)
        except OSError:
            continue


def _lock(database: Path) -> None:
    """Somebody else writes for a while."""
    locked = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(database, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout=10000")
            connection.execute("BEGIN IMMEDIATE")
            locked.set()
            threading.Event().wait(LOCKED_S)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    threading.Thread(target=hold, daemon=True).start()
    locked.wait()
