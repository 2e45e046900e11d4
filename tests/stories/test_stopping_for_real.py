"""A stop, by every door there is, in an installation of real processes: from wherever the run is, and with an agent that will not go."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store import schema
from tests.fakes.github.state import Repository
from tests.faults.installation import ROOT, Installation, await_, installation
from tests.faults.witness import machine
from tests.stories.hanging import FETCH, MARK, WAITS, Wait, processes
from tests.stories.world import CONFIG, FILES

MOST_S = 90.0


@dataclass(frozen=True)
class Asked:
    """A run that is to be stopped."""

    real: Installation
    repo: Repository
    number: int

    @property
    def row(self) -> sa.Row[tuple[str, str, str]] | None:
        """Its id, its state and its reason."""
        run = schema.run.c
        of_item = sa.select(run.id, run.state, run.reason_code).where(run.repository == self.repo.id, run.number == self.number)
        return next(iter(self.real.rows(of_item)), None)

    def stands(self, state: str) -> bool:
        """Whether that is its state."""
        return self.row is not None and self.row.state == state

    @property
    def id(self) -> str:
        """Its id."""
        assert self.row
        return str(self.row.id)


def by_comment(asked: Asked) -> None:
    asked.real.github.comment(asked.number, "/slipway stop", repo=asked.repo)


def by_label(asked: Asked) -> None:
    await_(lambda: "slipway:running" in asked.real.github.labels(asked.number, repo=asked.repo), MOST_S, "the label is there")
    asked.real.github.remove_label(asked.number, "slipway:running", repo=asked.repo)


def by_command(asked: Asked) -> None:
    environ = dict(asked.real.environ)
    subprocess.run([sys.executable, "-m", "app", "stop", asked.id], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)


def by_request(asked: Asked) -> None:
    url = f"http://127.0.0.1:{asked.real.port}/api/v1/runs/{asked.id}/stop"
    request = urllib.request.Request(url, b"{}", {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["id"] == asked.id


Door = Callable[[Asked], None]
WAITING = Wait("queued")
PLAN = "flows: {implement: {steps: [{name: plan, role: planner}, {name: code, depends_on: [plan]}]}}\napproval: {plan: true}\n"
HELD: Mapping[str, Door] = dict(
    zip(WAITS, (by_comment, by_command, by_label, by_request, by_request, by_label, by_comment, by_command, by_request), strict=True)
)
UNHELD: Mapping[str, tuple[Wait, str, tuple[Door, ...]]] = {
    "paused": (WAITING, "queued", (by_comment, by_label, by_command, by_request)),
    "awaiting approval": (Wait("next", CONFIG + PLAN), "awaiting_approval", (by_comment, by_label, by_command, by_request)),
    "awaiting ci": (Wait("deliver", f"{CONFIG}delivery: {{await_ci: true}}\n"), "awaiting_ci", (by_comment, by_request)),
    "put aside": (Wait("prepare", route=("GIT", FETCH)), "parked", (by_label, by_command)),
}
WAITERS = [
    pytest.param(wait, state, door, id=f"{name}, {door.__name__}") for name, (wait, state, doors) in UNHELD.items() for door in doors
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`slipway up`, a GitHub that remembers, and somebody who hears callbacks."""
    with installation(tmp_path_factory.mktemp("real")) as running:
        yield running
        assert [str(one) for one in running.wrong()] == []


def asked_for(real: Installation, wait: Wait) -> Asked:
    """A run, asked for in a repository of its own. What GitHub was asked before does not count."""
    real.github.hub.ledger.clear()
    number = len(real.github.hub.repositories)
    repo = real.github.add_repository(f"acme/greeter-{number}", files={**FILES, ".github/slipway.yml": wait.config})
    issue = real.github.open_issue("Greet in French", wait.body, repo=repo, deliver=False)
    real.github.add_label(issue.number, "slipway", repo=repo)
    return Asked(real, repo, issue.number)


@pytest.fixture(autouse=True)
def weather(real: Installation) -> Iterator[None]:
    """What GitHub does not answer is forgotten after each story."""
    yield
    real.github.hub.faults.clear()


def ended(asked: Asked, *, pulls: tuple[str, ...] = ()) -> None:
    """It is cancelled, everybody is told, and nothing of it is left on the machine or on GitHub."""
    real, github = asked.real, asked.real.github
    await_(lambda: not processes(MARK), MOST_S, "nothing of the sandbox lives")
    await_(lambda: asked.stands("cancelled"), MOST_S, "it is cancelled")
    github.hub.faults.clear()
    await_(lambda: real.unfinished() == 0, MOST_S, "everything is done")
    seen = machine(real.data)
    assert (list(seen.directories), list(seen.processes)) == ([], [])
    assert str(real.data / "work") not in Path("/proc/mounts").read_text()
    assert asked.row
    assert asked.row.reason_code == "stopped"
    assert [pull.state for pull in github.pulls(repo=asked.repo)] in (list(pulls), ["closed"])
    assert github.branches(repo=asked.repo) - {pull.head for pull in github.pulls(repo=asked.repo) if pull.state == "open"} == {"main"}
    assert github.labels(asked.number, repo=asked.repo) == {"slipway:failed"}
    assert any("**Slipway has stopped working on this.**" in one.body for one in github.comments(asked.number, repo=asked.repo))
    assert {check.conclusion for check in github.checks(repo=asked.repo)} <= {"cancelled"}
    assert [one.type for one in real.receiver.received if one.body["data"]["run"]["id"] == asked.id][-1] == "run.cancelled"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("wait", "stop"), [(WAITS[name], HELD[name]) for name in WAITS], ids=[f"{n}, {HELD[n].__name__}" for n in WAITS])
def test_a_run_at_work_is_stopped(real: Installation, wait: Wait, stop: Door) -> None:
    """Proves: 001-36, 004-34, 004-46, F51, F66, F71, F79, I12, 001-51."""
    wait.prepare(real.github)
    asked = asked_for(real, wait)
    await_(lambda: wait.waits(real.github), MOST_S, "it waits")
    stop(asked)
    ended(asked)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("wait", "state", "stop"), WAITERS)
def test_a_run_that_waits_is_stopped_at_once(real: Installation, wait: Wait, state: str, stop: Door) -> None:
    """Proves: 001-36, 004-34, F79, 001-51."""
    if state == "parked":
        real.github.fail(*wait.route, status=503, times=999)
    if state == "queued":
        subprocess.run([sys.executable, "-m", "app", "pause"], cwd=ROOT, env=dict(real.environ), check=True, stdout=subprocess.DEVNULL)
    try:
        asked = asked_for(real, wait)
        await_(lambda: asked.stands(state), MOST_S, f"it is {state}")
        stop(asked)
        ended(asked, pulls=("open",) if state == "awaiting_ci" else ())
    finally:
        if state == "queued":
            subprocess.run([sys.executable, "-m", "app", "resume"], cwd=ROOT, env=dict(real.environ), check=True, stdout=subprocess.DEVNULL)
