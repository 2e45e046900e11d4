"""A whole installation in one process: the real web application on loopback, the real store, git and sandbox, and a GitHub that remembers.

Workers are not forked: `work_until_idle` does what their bells would ask for, in this thread, until nothing is due.
"""

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from app import settings as settings_module
from app.demo.receiver import Received, Receiver
from app.settings import Settings
from app.wiring.ground import Ground
from app.wiring.web import Front
from app.wiring.work import Workshop
from app.worker import Horse, Work
from infra.redis_server import Server, ensure, place, stop
from infra.store.announcements import SqlAnnouncements
from infra.store.ledger import SqlLedger
from jobs.model import Run
from jobs.record import Violation
from tests.fakes.github import FakeGitHub
from tests.fakes.github.gitside import git
from tests.fakes.github.state import Comment, Delivery
from tests.faults import witness
from tests.stories.clock import StoryClock

CALLBACK_SECRET = "whsec_" + base64.b64encode(b"a callback secret of 32 bytes!!!").decode()
GATES = "gates:\n  - {name: tests, run: [python3, check.py]}\n"
CONFIG = f"version: 1\nagent: scripted\n{GATES}"
FILES = {
    "greeter.py": 'GREETING = "Hello"\n',
    "check.py": 'from greeter import GREETING\n\nif GREETING != "Bonjour":\n    raise SystemExit(f"expected Bonjour, found {GREETING}")\n',
    ".github/slipway.yml": CONFIG,
}
API_TOKEN = "an-api-token-of-the-operator-long-enough"
LEASE_S = 86_400.0
PATIENCE_S = 30.0
LOOK_S = 0.2
"""A story does not wait as long as an installation does until what goes on is ended in the middle."""


def settled(text: str, run: Run) -> str:
    """A text about a run with everything that differs from one telling of the story to the next replaced by a word."""
    named = {run.id: "RUN", run.request.source.delivery or "-": "DELIVERY", (run.base_sha or "-")[:12]: "BASE"}
    for value, name in named.items():
        text = text.replace(value, name)
    text = re.sub(r"slipway:run=RUN:[0-9a-f]{32}", "slipway:run=RUN:PROOF", text)
    return re.sub(r"\| \d+ s \|$", "| TIME |", text, flags=re.MULTILINE)


def task(script: str) -> str:
    """An issue's text with a script for the scripted agent in it."""
    return f"Say it in French.\n\n```slipway\n{script}\n```\n"


BONJOUR = 'write greeter.py\n  GREETING = "Bonjour"'
BONSOIR = 'write greeter.py\n  GREETING = "Bonsoir"'
RIGHT_AT_ONCE = task(BONJOUR)
RIGHT_THE_SECOND_TIME = task(f"try 1:\n{BONSOIR}\ntry 2:\n{BONJOUR}")


class StoryGround(Ground):
    """The store and the bell, with the story's time and leases that outlast it."""

    def __init__(self, settings: Settings, clock: StoryClock) -> None:
        super().__init__(settings)
        self._clock = clock

    @cached_property
    def clock(self) -> StoryClock:
        """The story's."""
        return self._clock

    @cached_property
    def ledger(self) -> SqlLedger:
        """As the real one's, but for the lease: a wait of the story's is over before anybody could renew."""
        return SqlLedger(self.engine, messages=self.callbacks, lease_s=LEASE_S)


@dataclass
class World:
    """See the module. A context manager; `root` is a directory of the test's own."""

    root: Path
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    environ: Mapping[str, str] = field(default_factory=dict)
    server_file: str = ""
    clock: StoryClock = field(default_factory=StoryClock)
    _once: dict[str, Callable[[], object]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self.github = FakeGitHub(self.root / "github", clock=self.clock).start()
        self.repository = self.github.add_repository("acme/greeter", files=dict(self.files))
        self.receiver = Receiver(CALLBACK_SECRET)
        self.receiver.__enter__()
        self.redis: Server = ensure(place(self.settings.data_dir))
        self._web = _Web(self.front)
        self._web.start()
        self.github.hooks.url = f"{self.url}/webhook"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._web.stop()
        wrong = [] if kind else self.wrong()
        for outside in (self.shop.outside, self.front.outside):
            outside.close()
        self.ground.close()
        stop(self.redis)
        self.receiver.__exit__(kind, error, trace)
        self.github.stop()
        if kind is None:
            self.github.check()
        assert not wrong, [str(one) for one in wrong]

    def wrong(self) -> list[Violation]:
        """What must never be, by the store and everybody who saw something; every story ends with none of it."""
        return witness.wrong(self.ground.engine, self.settings.data_dir, self.github, self.settings.secrets)

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
                "SLIPWAY_API_TOKENS": API_TOKEN,
                **self.environ,
            }
        )

    @cached_property
    def ground(self) -> Ground:
        """The store and the bell."""
        return StoryGround(self.settings, self.clock)

    @cached_property
    def front(self) -> Front:
        """The web role."""
        return Front(self.ground)

    @cached_property
    def shop(self) -> Workshop:
        """The worker role."""
        return Workshop(self.ground)

    @property
    def url(self) -> str:
        """Where the web role listens."""
        return self._web.url

    # what people do in a story

    def ask(self, body: str = RIGHT_AT_ONCE, *, label: str = "slipway", number: int = 7, title: str = "Greet in French") -> Delivery:
        """An issue is opened, and a maintainer puts the label on it."""
        self.github.open_issue(title, body, number=number)
        return self.github.add_label(issue=number, name=label)

    def comment(self, text: str, *, number: int = 7, by: str = "maintainer") -> Comment:
        """Somebody comments, and the service takes it in."""
        said = self.github.comment(number, text, by=by)
        self.take_in()
        return said

    def stop(self, run: Run) -> None:
        """An operator stops a run, over the API."""
        url = f"{self.url}/api/v1/runs/{run.id}/stop"
        httpx.post(url, json={"reason": "Enough."}, headers={"authorization": f"Bearer {API_TOKEN}"}).raise_for_status()

    # what the service does in a story

    def work_until_idle(self, most: int = 60) -> None:
        """Everything that is due now, and what follows from it."""
        for _ in range(most):
            if not self.work():
                return
        raise AssertionError("there is no end of work")

    def work(self) -> bool:
        """One round of what workers would be rung for; False when there was nothing."""
        some = self.take_in()
        some = self.announce() or some
        some = self.advance() or some
        return self.send() or some

    def take_in(self) -> bool:
        """The webhooks that are due."""
        self.github.settle()
        rows = self.ground.inbox.due(100)
        for row in rows:
            self.shop.intake.handle(row)
        return bool(rows)

    def announce(self) -> bool:
        """What runs have to say on their items."""
        runs = SqlAnnouncements(self.ground.engine).due(100)
        for run_id in runs:
            self.shop.relay.announce(run_id)
        return bool(runs)

    def send(self) -> bool:
        """The callbacks that are due."""
        rows = self.ground.outbox.due(100)
        for row in rows:
            self.shop.sender.send(row)
        return bool(rows)

    def advance(self, **ports: Any) -> bool:
        """The run that is next, as far as it goes; each of its events is announced before the next one happens.

        `ports` stand in the place of the worker's own.
        """
        self.ground.ledger.wake()
        due = self.ground.ledger.due(1, "agents")
        for run_id in due:
            shop, ground = self.shop, self.ground
            bell = _Bell(self._heard)
            work = Work("world", shop.intake.handle, shop.relay.announce, ground.ledger, replace(shop.ports, **ports), bell)
            Horse(work, "agents", grace_s=60.0, look_s=LOOK_S).advance(run_id)
            after = ground.runs.get(run_id)
            assert after.reason is None or after.reason.code != "internal_error", "there is a bug: its traceback is in the log"
        return bool(due)

    def pass_time(self, seconds: float) -> None:
        """Be so much later, and do what is due then."""
        self.clock.sleep(seconds)
        self.work_until_idle()

    # what happens at the same time

    def at(self, event: str, act: Callable[[], object]) -> None:
        """Let something happen once, right after a run's event of that name is stored and before the next phase begins."""
        self._once[event] = act

    @contextmanager
    def meanwhile(
        self, act: Callable[[], object], *, after: str = "", launches: int = 0, when: Callable[[], bool] = lambda: True
    ) -> Iterator[None]:
        """Let something happen from another thread, once so many agents were started, an event was stored and `when` is true."""
        failed: list[BaseException] = []

        def wait_and_act() -> None:
            try:
                self._await(lambda: self.launches >= launches and (not after or any(after in self.events(run) for run in self.runs)))
                self._await(when)
                act()
            except BaseException as error:  # noqa: BLE001 - whatever it is fails the test, from the test's own thread
                failed.append(error)

        thread = threading.Thread(target=wait_and_act)
        thread.start()
        yield
        thread.join()
        if failed:
            raise failed[0]

    def _await(self, true: Callable[[], bool]) -> None:
        over = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > over:
                raise AssertionError("what was waited for did not happen")
            time.sleep(0.02)

    def _heard(self, run_id: str) -> None:
        """A run's event was stored."""
        self.shop.relay.announce(run_id)
        newest = self.ground.reading.events(run_id)[-1]["type"] if self._once else ""
        act = self._once.pop(newest, None)
        if act:
            act()

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

    @property
    def launches(self) -> int:
        """How many agents were started, by the launcher's own book."""
        book = self.settings.data_dir / "launches.log"
        return len(book.read_text().splitlines()) if book.exists() else 0

    def page(self, run: Run) -> dict[str, Any]:
        """The run as people see it."""
        return self.ground.reading.run(run.id)

    def turns(self, run: Run) -> list[dict[str, Any]]:
        """Its iterations as people see them."""
        attempts = [attempt for step in self.page(run)["steps"] for attempt in step["attempts"]]
        return [turn for attempt in attempts for turn in attempt["iterations"]]

    def log(self, sha: str) -> str:
        """A commit as git shows it: author, parent and message."""
        return git(self.repository.path, "log", "-1", "--format=%an <%ae> on %P%n%B", sha)

    def events(self, run: Run) -> list[str]:
        """What happened to it, by name."""
        return [str(event["type"]) for event in self.ground.reading.events(run.id)]

    def status(self, number: int = 7, run: Run | None = None) -> str:
        """The one status comment on an item, or that of one of its runs."""
        mark = f"<!-- slipway:run={run.id if run else ''}"
        (comment,) = [comment.body for comment in self.github.comments(number) if mark in comment.body]
        return comment

    def answers(self, number: int = 7) -> list[str]:
        """What else was said on it, without the hidden marks."""
        bodies = [comment.body for comment in self.github.comments(number) if "slipway:run=" not in comment.body]
        return [body.partition("\n\n<!-- slipway:said=")[0] for body in bodies]

    def callbacks(self) -> Sequence[Received]:
        """What the receiver got."""
        return self.receiver.received

    def inbox(self) -> list[Mapping[str, Any]]:
        """The webhooks and what became of them, oldest first."""
        return list(reversed(self.ground.inbox.listing()))

    def became_of(self, delivery: Delivery) -> tuple[str, str]:
        """State and reason of a webhook's row."""
        (row,) = [row for row in self.inbox() if row["delivery"] == delivery.guid]
        return row["state"], row["reason"]


@dataclass(frozen=True)
class _Bell:
    """Hears what workers ring for while they hold a run; everything else is found due."""

    heard: Callable[[str], None]

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        if function == "relay":
            self.heard(str(row))


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
        self._front.close()
