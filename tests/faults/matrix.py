"""`python -m tests.faults.matrix [--seed N --slice K] [--part I/N]`: points × faults × {GitHub, local}, each on its own installation.

After recovery there has to be exactly one of everything, every invariant has to hold, and the attempts have to be counted right.
"""

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.demo.receiver import Receiver
from app.demo.sample import Sample
from infra.git import Git
from infra.redis_server import ensure, place, stop
from infra.store import schema
from infra.store.engine import connect, database, open_store, sqlite_url
from infra.store.inbox import SqlInbox
from infra.store.work import read
from jobs.model import FINAL
from tests.fakes.github import FakeGitHub
from tests.fakes.github.gitside import git
from tests.fakes.github.hooks import encoded, signature
from tests.faults import witness
from tests.faults.clock import SharedClock
from tests.faults.points import FAULTS, Plan, both_sides
from tests.stories.world import CALLBACK_SECRET, FILES, RIGHT_THE_SECOND_TIME

KINDS = ("github", "local")
PAST_THE_LEASE_S = 130.0
MOST_RECOVERIES = 8
SECRET = "a webhook secret of more than thirty-two bytes"
Case = tuple[str, Plan | None]
A_DAY_S = 86_500.0
"""For so long it is looked for what a process that slept before its send left beside another's."""


@dataclass
class Stable:
    """The process that forks workers."""

    directory: Path
    _process: "subprocess.Popen[str]" = field(init=False)

    def __enter__(self) -> "Stable":
        self.redis = ensure(place(self.directory))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *unused: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        stop(self.redis)

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """What became of a job."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def heal(self) -> None:
        """Redis runs."""
        if not self.redis.place.socket.exists() or self.redis.child is None or self.redis.child.ended() is not None:
            stop(self.redis)
            self.redis = ensure(place(self.directory))


@dataclass
class Town:
    """A small installation on which one case is played: a GitHub or a local repository, a store, a receiver of callbacks."""

    root: Path
    stable: Stable
    receiver: Receiver
    github: FakeGitHub | None
    clock: SharedClock
    posts: list[Path] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    def environ(self) -> dict[str, str]:
        """What the worker is told."""
        told = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "SLIPWAY_DATA_DIR": str(self.data),
            "SLIPWAY_CONFIG": str(self.root / "slipway.toml"),
            "SLIPWAY_WEBHOOK_SECRETS": SECRET,
            "SLIPWAY_REDIS_URL": self.stable.redis.url,
            "SLIPWAY_CALLBACK_SECRETS": CALLBACK_SECRET,
            "SLIPWAY_CALLBACK_ALLOW_HOSTS": self.receiver.address,
        }
        if self.github:
            told |= {
                "SLIPWAY_GITHUB_APP_ID": self.github.app_id,
                "SLIPWAY_GITHUB_PRIVATE_KEY": self.github.private_key,
                "SLIPWAY_GITHUB_API_URL": self.github.url,
                "SLIPWAY_GITHUB_URL": self.github.url,
            }
        return told

    def job(self, plan: Plan | None, trace: Path | None = None) -> dict[str, Any]:
        """A worker's life, with the webhooks nobody has taken yet."""
        return {
            "environ": self.environ(),
            "plan": vars(plan) if plan else None,
            "trace": str(trace) if trace else None,
            "clock": str(self.clock.path),
            "redis": str(self.stable.directory),
            "deliveries": [str(post) for post in self.posts if not taken(post)],
            "log": str(self.root / "worker.log"),
        }


def taken(post: Path) -> bool:
    """Whether a webhook was answered with 202."""
    answer = post.with_suffix(".answer")
    return answer.exists() and answer.read_text() == "202"


@contextlib.contextmanager
def town(root: Path, kind: str, stable: Stable) -> Iterator[Town]:
    """An installation of that kind, with somebody's request on its way."""
    root.mkdir(parents=True)
    clock = SharedClock(root / "clock")
    with Receiver(CALLBACK_SECRET) as receiver, contextlib.ExitStack() as ending:
        github = ending.enter_context(FakeGitHub(root / "github", clock=clock, webhook_secret=SECRET)) if kind == "github" else None
        made = Town(root, stable, receiver, github, clock)
        made.data.mkdir()
        open_store(made.data, clock=clock).dispose()
        ask = _ask_github if github else _ask_locally
        ask(made)
        yield made


def _ask_github(made: Town) -> None:
    assert made.github
    made.github.add_repository("acme/greeter", files=FILES)
    made.github.open_issue("Greet in French", RIGHT_THE_SECOND_TIME, number=7)
    delivery = made.github.add_label(issue=7, name="slipway")
    (made.root / "slipway.toml").write_text(f'[[callbacks]]\nurl = "{made.receiver.url}"\n')
    post(made, delivery.headers, encoded(delivery.payload).decode())


def _ask_locally(made: Town) -> None:
    local = Sample(made.root)
    local.make(Git(made.root / "git"), made.receiver.url, sandboxed=True)
    body = local.payload()
    headers = {
        "Content-Type": "application/json", "X-GitHub-Event": "issues", "X-GitHub-Delivery": "local-1",
        "X-GitHub-Hook-Installation-Target-ID": "1", "X-Hub-Signature-256": signature(SECRET, body),
    }  # fmt: skip
    post(made, headers, body.decode())


def post(made: Town, headers: dict[str, str], body: str) -> None:
    """A webhook is on its way."""
    path = made.root / f"post-{len(made.posts)}.json"
    path.write_text(json.dumps({"headers": headers, "body": body}))
    made.posts.append(path)


def play(made: Town, plan: Plan | None) -> list[str]:
    """Let the fault strike, recover, and say what is wrong then; empty is well."""
    first = made.stable.ask(made.job(plan))
    recover(made)
    if first["end"] == "stopped":
        late = made.stable.ask({"go_on": first["pid"]})
        if late["end"] == "stopped":
            return ["the process that was stopped does not go on"]
        recover(made)
        made.clock.sleep(A_DAY_S)
        made.stable.ask(made.job(None))
        recover(made)
    if plan and plan.point.endswith(".dispose"):
        made.stable.ask(made.job(None))  # the keeper's next round removes what was left of a run that is over
    return judged(made)


def recover(made: Town) -> None:
    """What an installation does by itself, and what people do: time passes, workers come back, lost webhooks are sent again."""
    made.stable.heal()
    for _ in range(MOST_RECOVERIES):
        engine = connect(sqlite_url(database(made.data)), clock=made.clock)
        try:
            if all(taken(post) for post in made.posts) and not unfinished(engine):
                return
            replay(engine)
        finally:
            engine.dispose()
        made.clock.sleep(PAST_THE_LEASE_S)
        made.stable.ask(made.job(None))


def unfinished(engine: sa.Engine) -> int:
    """How many things have not come to an end."""
    run, inbox, outbox = schema.run.c, schema.inbox.c, schema.outbox.c
    open_ = run.state.not_in([state.value for state in FINAL]) | (run.announced < run.version)
    queries = (
        sa.select(run.id).where(open_),
        sa.select(inbox.id).where(inbox.state.in_(["pending", "dead"])),
        sa.select(outbox.id).where(outbox.state == "pending"),
    )
    return read(engine, lambda connection: sum(len(list(connection.execute(query))) for query in queries))


def replay(engine: sa.Engine) -> None:
    """What an operator does with a webhook that a bug ended."""
    dead = read(engine, lambda connection: list(connection.scalars(sa.select(schema.inbox.c.id).where(schema.inbox.c.state == "dead"))))
    for row in dead:
        SqlInbox(engine).replay(row)


def judged(made: Town) -> list[str]:
    """Exactly one of everything, every invariant, and the right number of attempts."""
    engine = connect(sqlite_url(database(made.data)), clock=made.clock)
    try:
        facts = witness.facts(engine, made.data, made.github, (SECRET, CALLBACK_SECRET))
        wrong = [str(one) for one in witness.violations(facts)]
        wrong += [f"{len(facts.runs)} runs instead of one"] * (len(facts.runs) != 1)
        wrong += [f"it is {run.state}, {run.reason_code}: {run.reason_text}" for run in facts.runs if run.state.value != "succeeded"]
        wrong += ["something has not come to an end"] * (unfinished(engine) > 0)
        counted = [one for one in facts.attempts if one.launched]
        launched = {line.attempt for line in facts.launches or ()}
        wrong += [f"attempts {sorted(launched)} launched, {len(counted)} are counted"] * (not launched <= {one.n for one in counted})
    finally:
        engine.dispose()
    return wrong + (_on_github(made) if made.github else _in_repository(made)) + _told(made)


def _told(made: Town) -> list[str]:
    """The end was told, at least once and always as the same message."""
    ends = {one.id for one in made.receiver.received if one.type == "run.succeeded"}
    return (
        [] if len(ends) == 1 and not made.receiver.refused else [f"{len(ends)} messages told the end, {made.receiver.refused} were refused"]
    )


def _on_github(made: Town) -> list[str]:
    assert made.github
    pulls = made.github.pulls()
    checks = [one for one in made.github.checks() if not witness.superseded(one)]
    statuses = [one for one in made.github.comments(7) if witness.MARK.search(one.body)]
    counts = {
        "pull requests": len(pulls),
        "check runs of the delivered commit": sum(one.head_sha == pulls[-1].sha for one in checks) if pulls else 0,
        "status comments": len(statuses),
        "branches beside main": len(made.github.branches() - {"main"}),
    }
    wrong = [f"{count} {what} instead of one" for what, count in counts.items() if count != 1]
    wrong += [f"check {one.id} is {one.conclusion}" for one in checks if one.conclusion != "success"]
    labels = made.github.labels(7)
    wrong += [f"the issue's labels are {sorted(labels)}"] * ("slipway:done" not in labels)
    return wrong + list(made.github.violations)


def _in_repository(made: Town) -> list[str]:
    where = Sample(made.root).delivered
    refs = [line.split()[1] for line in git(where, "show-ref").splitlines()]
    branches = [ref for ref in refs if ref.startswith("refs/heads/") and ref != "refs/heads/main"]
    records = [ref for ref in refs if ref.startswith("refs/slipway/")]
    return [] if len(branches) == len(records) == 1 else [f"branches {branches}, records {records}"]


def recorded(root: Path, kind: str, stable: Stable) -> list[str]:
    """The calls an undisturbed run of that kind makes, in order. Raises AssertionError when it goes wrong without any fault."""
    with town(root, kind, stable) as made:
        trace = root / "trace"
        made.stable.ask(made.job(None, trace))
        recover(made)
        wrong = judged(made)
        assert not wrong, f"without a fault, on {kind}: {wrong}\n{(root / 'worker.log').read_text()[-3000:]}"
        return [line.removeprefix("before ") for line in trace.read_text().splitlines() if line.startswith("before ")]


def cases(calls: dict[str, list[str]]) -> list[Case]:
    """The whole matrix."""
    return [(kind, Plan(point, fault)) for kind in KINDS for point in both_sides(calls[kind]) for fault in FAULTS]


def run(root: Path, chosen: Iterable[Case], stable: Stable) -> Iterator[tuple[Case, list[str]]]:
    """Play cases; what went wrong in each. The directory of one that went well is removed."""
    for number, (kind, plan) in enumerate(chosen):
        home = root / f"case-{number}"
        with town(home, kind, stable) as made:
            wrong = play(made, plan)
        if not wrong:
            shutil.rmtree(home)
        yield (kind, plan), wrong


def main() -> int:
    """Play the matrix, or a slice of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--slice", type=int, default=0, help="how many cases; 0 is all")
    options.add_argument("--only", default="", help="a part of the name of the cases to be played")
    options.add_argument("--part", default="1/1", help="2/5 is the second fifth of the cases, for five that play all of them together")
    options.add_argument("--minutes", type=float, default=24 * 60.0, help="begin no case after that time")
    given, until = options.parse_args(), time.monotonic()
    part, parts = map(int, given.part.split("/"))
    print(f"seed {given.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="matrix-"))
    with Stable(root) as stable:
        every = cases({kind: recorded(root / f"trace-{kind}", kind, stable) for kind in KINDS})
        matching = [case for case in every if given.only in f"{case[0]} {case[1]}"][part - 1 :: parts]
        chosen = random.Random(given.seed).sample(matching, given.slice or len(matching))
        print(f"{len(every)} cases, {len(chosen)} of them chosen", flush=True)
        failed = played = 0
        for (kind, plan), wrong in run(root, takewhile(lambda _: time.monotonic() < until + 60 * given.minutes, chosen), stable):
            played += 1
            failed += bool(wrong)
            if wrong:
                print(f"{kind}: {plan}\n  " + "\n  ".join(wrong), flush=True)
    print(
        f"{played} of {len(chosen)} played, {played - failed} are well" + (f"; the others are kept in {root}" if failed else ""), flush=True
    )
    if not failed:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
