"""A whole installation in one process: the real web application on loopback, the real store, git and sandbox, and a GitHub that remembers.

Workers are not forked: `work_until_idle` does what their bells would ask for, in this thread, until nothing is due.
"""

import base64
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from app import settings as settings_module
from app.demo.receiver import Received, Receiver
from app.settings import Settings
from app.wiring.ground import Ground
from app.wiring.web import Front
from app.wiring.work import Workshop
from infra.redis_server import Server, ensure, place, stop
from infra.store.announcements import SqlAnnouncements
from jobs import runner
from jobs.model import Run
from tests.fakes.github import FakeGitHub

CALLBACK_SECRET = "whsec_" + base64.b64encode(b"a callback secret of 32 bytes!!!").decode()
GATES = "gates:\n  - {name: tests, run: [python3, check.py]}\n"
CONFIG = f"version: 1\nagent: scripted\n{GATES}"
FILES = {
    "greeter.py": 'GREETING = "Hello"\n',
    "check.py": 'from greeter import GREETING\n\nif GREETING != "Bonjour":\n    raise SystemExit(f"expected Bonjour, found {GREETING}")\n',
    ".github/slipway.yml": CONFIG,
}
RIGHT_AT_ONCE = 'Say it in French.\n\n```slipway\nwrite greeter.py\n  GREETING = "Bonjour"\n```\n'
RIGHT_THE_SECOND_TIME = """\
Say it in French.

```slipway
try 1:
write greeter.py
  GREETING = "Bonsoir"
try 2:
write greeter.py
  GREETING = "Bonjour"
```
"""


@dataclass
class World:
    """See the module. A context manager; `root` is a directory of the test's own."""

    root: Path
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    environ: Mapping[str, str] = field(default_factory=dict)
    server_file: str = ""

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self.github = FakeGitHub(self.root / "github").start()
        self.repository = self.github.add_repository("acme/greeter", files=dict(self.files))
        self.receiver = Receiver(CALLBACK_SECRET)
        self.receiver.__enter__()
        self.redis: Server = ensure(place(self.settings.data_dir))
        self._web = _Web(self.front)
        self._web.start()
        self.github.hooks.url = f"{self._web.url}/webhook"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._web.stop()
        for outside in (self.shop.outside, self.front.outside):
            outside.close()
        self.ground.close()
        stop(self.redis)
        self.receiver.__exit__(kind, error, trace)
        self.github.stop()
        if kind is None:
            self.github.check()

    @cached_property
    def settings(self) -> Settings:
        """The settings of every role."""
        file = self.root / "slipway.toml"
        file.write_text(f'[[callbacks]]\nurl = "{self.receiver.url}"\n{self.server_file}')
        return settings_module.load(
            {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.root),
                "SLIPWAY_DATA_DIR": str(self.root / "data"),
                "SLIPWAY_CONFIG": str(file),
                "SLIPWAY_WEBHOOK_SECRETS": self.github.webhook_secret,
                "SLIPWAY_GITHUB_APP_ID": self.github.app_id,
                "SLIPWAY_GITHUB_PRIVATE_KEY": self.github.private_key,
                "SLIPWAY_GITHUB_API_URL": self.github.url,
                "SLIPWAY_GITHUB_URL": self.github.url,
                "SLIPWAY_CALLBACK_SECRETS": CALLBACK_SECRET,
                "SLIPWAY_CALLBACK_ALLOW_HOSTS": self.receiver.address,
                **self.environ,
            }
        )

    @cached_property
    def ground(self) -> Ground:
        """The store and the bell."""
        return Ground(self.settings)

    @cached_property
    def front(self) -> Front:
        """The web role."""
        return Front(self.ground)

    @cached_property
    def shop(self) -> Workshop:
        """The worker role."""
        return Workshop(self.ground)

    # what a story does

    def work_until_idle(self, most: int = 60) -> None:
        """Everything that is due now, and what follows from it."""
        for _ in range(most):
            if not self.work():
                return
        raise AssertionError("there is no end of work")

    def work(self) -> bool:
        """One round of what workers would be rung for; False when there was nothing."""
        ground, announcements = self.ground, SqlAnnouncements(self.ground.engine)
        webhooks, callbacks, unsaid = ground.inbox.due(100), ground.outbox.due(100), announcements.due(100)
        for row in webhooks:
            self.shop.intake.handle(row)
        for run_id in unsaid:
            self.shop.relay.announce(run_id)
        for callback in callbacks:
            self.shop.sender.send(callback)
        run = ground.ledger.claim("agents", "world")
        if run is not None:
            runner.walk(run, self.shop.ports)
        return bool(webhooks or callbacks or unsaid or run)

    # what a story looks at

    @property
    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        heads = self.ground.reading.runs(limit=100)[0]
        return [self.ground.runs.get(str(head["id"])) for head in reversed(list(heads))]

    @property
    def run(self) -> Run:
        """The one run there is."""
        (run,) = self.runs
        return run

    def page(self, run: Run) -> dict[str, Any]:
        """The run as people see it."""
        return self.ground.reading.run(run.id)

    def events(self, run: Run) -> list[str]:
        """What happened to it, by name."""
        return [str(event["type"]) for event in self.ground.reading.events(run.id)]

    def callbacks(self) -> Sequence[Received]:
        """What the receiver got."""
        return self.receiver.received

    def inbox(self) -> list[Mapping[str, Any]]:
        """The webhooks and what became of them."""
        return list(self.ground.inbox.listing()[0])


class _Web:
    """uvicorn in a thread."""

    def __init__(self, front: Front) -> None:
        config = uvicorn.Config(front.application, host="127.0.0.1", port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._front = front
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """End."""
        self._server.should_exit = True
        self._thread.join()
        self._front.bell.close()
