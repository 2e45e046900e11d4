"""The service as the demo runs it: `slipway up` in a process of its own, spoken to over HTTP like anybody would."""

import contextlib
import hmac
import http.client
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.clock import SystemClock
from infra.process import Bounds, Command, Running, start
from jobs.errors import UserError

LONGEST_S = 600.0
READY_S = 30.0
LOG_TAIL = 2_000


@dataclass
class Service:
    """A context manager: ready inside, stopped outside. `env` is what it is told, `log` where its words are kept."""

    env: Mapping[str, str]
    port: int
    log: Path
    _running: Running | None = None

    def __enter__(self) -> Self:
        command = Command((sys.executable, "-m", "app", "up"), dict(self.env), Path(__file__).parents[2])
        self._running = start(command, Bounds(LONGEST_S, keep_tail=64_000))
        if not self._until(lambda: self.get("/readyz") is not None, READY_S):
            words = self.stop()
            raise UserError(f"The service did not get ready. Its last words:\n{words[-LOG_TAIL:]}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> str:
        """Let it end, and return what it logged."""
        running, self._running = self._running, None
        if running is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)
        words = running.wait().stderr.text
        self.log.write_text(words)
        return words

    def get(self, path: str) -> Any:
        """The JSON at a path; None when there is no good answer."""
        status, body = self._ask("GET", path)
        return json.loads(body) if status == 200 else None

    def deliver(self, event: str, delivery: str, body: bytes, secret: str) -> int:
        """Post a webhook as GitHub would, signed; the status of the answer."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/demo",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-GitHub-Hook-ID": "1",
            "X-GitHub-Hook-Installation-Target-ID": "1",
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest(),
        }
        return self._ask("POST", "/webhook", body, headers)[0]

    def follow(self, run_id: str, patience_s: float) -> Iterator[Mapping[str, Any]]:
        """The run's events as they happen, until it is final or patience is over."""
        after, clock = 0, SystemClock()
        until = clock.monotonic() + patience_s
        while clock.monotonic() < until:
            page = self.get(f"/api/v1/runs/{run_id}") or {}
            told = self.get(f"/api/v1/runs/{run_id}/events?after={after}") or {"events": [], "next": after}
            yield from told["events"]
            after = told["next"]
            if page.get("ended_at") and not told["events"]:
                return
            clock.sleep(0.2)

    def first_run(self, patience_s: float) -> str | None:
        """The id of the newest run, as soon as there is one."""
        found: list[str] = []

        def look() -> bool:
            runs = (self.get("/api/v1/runs") or {}).get("runs") or []
            found.extend(str(run["id"]) for run in runs[:1])
            return bool(found)

        self._until(look, patience_s)
        return found[0] if found else None

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _until(self, done: Callable[[], bool], patience_s: float) -> bool:
        clock = SystemClock()
        until = clock.monotonic() + patience_s
        while clock.monotonic() < until:
            if done():
                return True
            clock.sleep(0.1)
        return done()


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
