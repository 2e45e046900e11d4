"""`python -m tests.faults.weather --deliveries 1000 --seed S`: every delivery meets a fault of GitHub's, drawn by lot, on its way.

One installation, one repository, one issue after another, the real engine, git and sandbox. Each run ends with exactly one pull request, or
with a reason that has a name and none; afterwards nobody has called GitHub while it had asked for a pause, and no invariant is broken.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.wiring.outside import Outside
from infra.github.client import GitHub
from infra.github_auth import AppKey
from infra.github_lane import SqlLane
from infra.store import schema
from jobs.errors import REASONS
from jobs.model import Run, RunState
from tests.stories.world import BONJOUR, World, task

REPO = "/repos/{owner}/{repo}"
ISSUE = f"{REPO}/issues/{{issue_number}}"
CALLS = (
    ("POST", "/app/installations/{installation_id}/access_tokens"),
    ("GET", REPO),
    ("GET", f"{REPO}/contents/{{path}}"),
    ("GET", f"{REPO}/collaborators/{{username}}/permission"),
    ("GET", ISSUE),
    ("GET", f"{ISSUE}/events"),
    ("POST", f"{ISSUE}/reactions"),
    ("GET", f"{ISSUE}/comments"),
    ("POST", f"{ISSUE}/comments"),
    ("PATCH", f"{REPO}/issues/comments/{{comment_id}}"),
    ("POST", f"{ISSUE}/labels"),
    ("DELETE", f"{ISSUE}/labels/{{name}}"),
    ("GET", f"{REPO}/commits/{{ref}}/check-runs"),
    ("POST", f"{REPO}/check-runs"),
    ("PATCH", f"{REPO}/check-runs/{{check_run_id}}"),
    ("GET", f"{REPO}/pulls"),
    ("POST", f"{REPO}/pulls"),
    ("GET", f"{REPO}/pulls/{{pull_number}}"),
    ("GIT", "/{owner}/{repo}.git/git-upload-pack"),
    ("GIT", "/{owner}/{repo}.git/git-receive-pack"),
)
"""Every call of a run of this kind; git's are faulty in the way a connection can be."""
CREATES = [call for call in CALLS if call[0] == "POST" and not call[1].startswith("/app/")]
TIMEOUT_S = 0.4
PAUSES = 60
PAUSE_S = 1_800.0
FILES = {"greeter.py": 'GREETING = "Hello"\n', ".github/slipway.yml": "version: 1\nagent: scripted\n"}
SERVER = "\n[allow]\nactor_per_hour = 10000\n"


def _plan(world: World, dice: random.Random, kind: str, **more: Any) -> str:
    method, template = dice.choice(CALLS)
    world.github.fail(method, template, kind, nth=dice.choice((1, 1, 2)), times=dice.choice((1, 1, 2, 7)), **more)
    return f"{method} {template}"


def _limited(world: World, dice: random.Random, status: int) -> str:
    method, template = dice.choice([call for call in CALLS if call[0] != "GIT"])
    world.github.secondary_limit(method, template, retry_after=dice.choice((None, 7, 90, 1_200)), status=status)
    return f"{method} {template}"


def _late(world: World, dice: random.Random) -> str:
    """What is made is not shown at once, and the answer to making it is lost."""
    method, template = dice.choice(CREATES)
    world.github.lag(dice.randint(1, 3))
    world.github.fail(method, template, "cut", after=True)
    return f"{method} {template}"


FAULTS: Mapping[str, Callable[[World, random.Random], str]] = {
    "5xx": lambda world, dice: _plan(world, dice, "status", status=dice.choice((500, 502, 503, 504)), after=dice.random() < 0.5),
    "403": lambda world, dice: _limited(world, dice, 403),
    "429": lambda world, dice: _limited(world, dice, 429),
    "timeout": lambda world, dice: _plan(world, dice, "hang", after=dice.random() < 0.5),
    "cut after apply": lambda world, dice: _plan(world, dice, "cut", after=True),
    "lag": _late,
    "401": lambda world, dice: _plan(world, dice, "status", status=401, message="Bad credentials"),
    "broken JSON": lambda world, dice: _plan(world, dice, dice.choice(("truncated", "empty", "html")), status=200, after=True),
}


@dataclass
class Weather:
    """What came of it."""

    met: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class ImpatientOutside(Outside):
    """As the real one, but for how long it waits for an answer: a hanging GitHub costs half a second here instead of half a minute."""

    @cached_property
    def github(self) -> GitHub:
        """The client."""
        settings, ground = self._settings, self._ground
        assert settings.github_app_id and settings.github_private_key
        key = AppKey(str(settings.github_app_id), settings.github_private_key.get_secret_value())
        lane = SqlLane(ground.engine, ground.clock)
        return GitHub(key, lane, ground.clock, ground.redactor, base_url=settings.github_api_url, timeout_s=TIMEOUT_S)


def weather(root: Path, *, deliveries: int, seed: int, most_s: float = float("inf")) -> Weather:
    """So many runs, or as many as begin within `most_s`, each with a fault: the kinds in turn, everything else by lot."""
    found, dice, kinds = Weather(), random.Random(seed), tuple(FAULTS)
    over = time.monotonic() + most_s
    with World(root, files=dict(FILES), server_file=SERVER) as world:
        world.shop.outside = ImpatientOutside(world.ground)
        for number in range(deliveries):
            if time.monotonic() > over:
                break
            kind = kinds[number % len(kinds)]
            found.met[kind] += 1
            _one(world, dice, kind, found)
        for _ in range(4):
            world.pass_time(PAUSE_S)
        found.problems += [str(one) for one in world.wrong()]
    return found


def _one(world: World, dice: random.Random, kind: str, found: Weather) -> None:
    """One issue, its label, its fault, and what is there when everything has come to rest."""
    where = FAULTS[kind](world, dice)
    issue = world.github.open_issue("Greet in French", task(BONJOUR))
    asked = world.github.add_label(issue=issue.number, name="slipway")
    for _ in range(PAUSES):
        world.work_until_idle(200)
        runs, (state, reason) = _runs(world, issue.number), world.became_of(asked)
        if state == "dead" or (runs and all(run.is_final for run in runs)):
            break
        world.clock.sleep(PAUSE_S)
    world.github.hub.faults.clear()
    world.github.lag(0)
    if not runs and state == "dead" and reason:
        found.ended[f"webhook kept as dead: {reason}"] += 1
        return
    found.problems += [f"{kind} at {where}, #{issue.number}: {problem}" for problem in _wrong(world, runs)]
    found.ended[_outcome(runs)] += 1


def _runs(world: World, number: int) -> list[Run]:
    """The runs of an issue."""
    with world.ground.engine.connect() as connection:
        ids = list(connection.scalars(sa.select(schema.run.c.id).where(schema.run.c.number == number)))
    return [world.ground.runs.get(run_id) for run_id in ids]


def _outcome(runs: list[Run]) -> str:
    return ", ".join(run.reason.code if run.reason else run.state.value for run in runs) or "no run"


def _wrong(world: World, runs: list[Run]) -> list[str]:
    """What is not as it should be about one issue."""
    if len(runs) != 1:
        return [f"{len(runs)} runs"]
    (run,) = runs
    pulls = [pull for pull in world.github.pulls() if f"slipway:run={run.id}:" in pull.body]
    if run.state is RunState.SUCCEEDED:
        numbers = [pull.number for pull in pulls]
        return [] if run.receipt and numbers == [run.receipt.number] else [f"succeeded, with the pull requests {numbers}"]
    typed = run.is_final and run.reason is not None and run.reason.code in REASONS and run.reason.code != "internal_error"
    left = [pull.number for pull in pulls if pull.state == "open"]
    return [
        *([] if typed else [f"ended as {run.state.value}, {run.reason}"]),
        *([f"ended as {_outcome(runs)}, with the pull requests {left}"] if left else []),
    ]


def main() -> int:
    """Make the weather and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--deliveries", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--minutes", type=float, default=float("inf"), help="begin none after so long")
    given = options.parse_args()
    print(f"seed        {given.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weather-") as folder:
        found = weather(Path(folder), deliveries=given.deliveries, seed=given.seed, most_s=given.minutes * 60)
    print(f"deliveries  {sum(found.met.values())}")
    print(f"faults      {dict(found.met)}")
    print(f"ended       {dict(found.ended)}")
    print(f"problems    {len(found.problems)}", *found.problems, sep="\n            ")
    print(f"took        {time.monotonic() - began:.0f} s")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
