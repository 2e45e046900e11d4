"""A new version takes the place of the old one, role by role, while people go on asking: nothing is lost, doubled, or left hanging."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.demo.receiver import Receiver
from app.version import VERSION
from infra.store import schema
from infra.store.engine import database
from tests.fakes.github import FakeGitHub
from tests.faults.installation import ROOT, Installation, await_, free_port
from tests.serving import embedded_redis
from tests.stories.world import BONJOUR, CALLBACK_SECRET, FILES, task

NEXT = "999.0.0"
ROOMS = ("app", "delivery", "handlers", "infra", "jobs")
MOST_S = 120.0
ASKED = 6
SLOW = task(f"{BONJOUR}\ntick 3")


@dataclass
class Roles:
    """Roles in processes of their own, each of one of two versions, on one store."""

    real: Installation
    next_: Path
    living: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    ended: list[tuple[str, int]] = field(default_factory=list)

    def start(self, role: str, *, new: bool) -> None:
        """Start a role."""
        with (self.real.root / f"{role}-{'new' if new else 'old'}.log").open("ab") as log:
            command = [sys.executable, "-m", "app", role]
            cwd = self.next_ if new else ROOT
            self.living[role] = subprocess.Popen(command, cwd=cwd, env=dict(self.real.environ), stdout=log, stderr=log)

    def end(self, role: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """Tell a role to end, and wait for that."""
        process = process or self.living.pop(role)
        process.send_signal(signal.SIGTERM)
        self.ended.append((role, process.wait(MOST_S)))

    def replace(self, role: str) -> None:
        """The old one ends, and then the new one starts: both listen on the same address."""
        self.end(role)
        self.start(role, new=True)

    def replace_workers(self) -> None:
        """The new ones start while the old ones are still at their runs."""
        old = self.living.pop("worker")
        old.send_signal(signal.SIGTERM)
        self.start("worker", new=True)
        self.ended.append(("worker", old.wait(MOST_S)))


@contextmanager
def roles(root: Path) -> Iterator[Roles]:
    """Three roles of the present version, and another version ready beside it."""
    next_ = root / "next"
    for room in ROOMS:
        shutil.copytree(ROOT / room, next_ / room, ignore=shutil.ignore_patterns("__pycache__"))
    (next_ / "app" / "version.py").write_text(f'"""Another version."""\n\nVERSION = "{NEXT}"\n')
    with ExitStack() as ending:
        github = ending.enter_context(FakeGitHub(root / "github"))
        receiver = ending.enter_context(Receiver(CALLBACK_SECRET))
        github.add_repository("acme/greeter", files=dict(FILES))
        (root / "slipway.toml").write_text(f'[[callbacks]]\nurl = "{receiver.url}"\n')
        real = Installation(root, github, receiver, free_port())
        github.hooks.url = f"http://127.0.0.1:{real.port}/webhook"
        ending.enter_context(embedded_redis(real.data))
        made = Roles(real, next_)
        try:
            for role in ("web", "worker", "keeper"):
                made.start(role, new=False)
                await_(lambda role=role: role in of_version(real, VERSION), MOST_S, f"{role} is there")
            await_(real.ready, MOST_S, "it is ready")
            yield made
        finally:
            for process in made.living.values():
                process.kill()
                process.wait()
            real.close()


def of_version(real: Installation, version: str) -> set[str]:
    """The roles that a version has living processes of."""
    worker = schema.worker.c
    if not database(real.data).exists() or not sa.inspect(real.engine).has_table("worker"):
        return set()
    return {row.role for row in real.rows(sa.select(worker.role).where(worker.version == version, worker.ended_at.is_(None)))}


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_new_version_takes_over_while_people_go_on_asking(tmp_path: Path) -> None:
    """Proves: F32, I01, I03, I04, I05, 001-53."""
    with roles(tmp_path) as made:
        real = made.real

        def go_on_asking() -> None:
            for _ in range(ASKED):
                real.ask(SLOW)
                time.sleep(1.5)

        people = threading.Thread(target=go_on_asking)
        people.start()
        await_(lambda: bool(real.held()), MOST_S, "a run is at work")
        made.replace_workers()
        made.replace("web")
        made.replace("keeper")
        await_(real.ready, MOST_S, "the new version is ready")
        people.join()
        real.redeliver()
        await_(lambda: real.unfinished() == 0, MOST_S, "everything is done")
        assert of_version(real, VERSION) == set()
        assert of_version(real, NEXT) == {"web", "worker", "keeper"}
        assert made.ended == [("worker", 0), ("web", 0), ("keeper", 0)]
        run, event = schema.run.c, schema.event.c
        assert [row.state for row in real.rows(sa.select(run.state))] == ["succeeded"] * ASKED
        assert [row.type for row in real.rows(sa.select(event.type).where(event.type == "LeaseExpired"))] == []
        assert sorted(len(real.github.pulls_for(number)) for number in real.asked) == [1] * ASKED
        assert [len(real.github.comments(number)) for number in real.asked] == [1] * ASKED
        assert [one.type for one in real.receiver.received].count("run.succeeded") == ASKED
        assert [str(one) for one in real.wrong()] == []
        for role in ("worker", "web", "keeper"):
            made.end(role)
        assert {code for _, code in made.ended} == {0}
        assert real.disagreements() == []
