"""`python -m tests.faults.campaign --kills N --runs M --seed S`: processes of a working installation are killed at random moments.

Afterwards the checker looks at everything that is left, and then `slipway invariants` itself, as an operator runs it. Prints its seed
first. When something that must never be is found, everything is kept and its place is printed; the exit code is 1.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from redis.exceptions import RedisError

from infra.redis_server import place
from infra.rq_queue import ringing_client
from infra.store.schema import run as runs
from tests.faults.installation import ROLES, Installation, await_, installation
from tests.serving import postgres_server
from tests.stories.world import BONJOUR, BONSOIR, task

AT_ONCE = 4
"""How many things are kept unfinished while killing goes on, unless it is told otherwise: more than there are workers."""
TWO_TICKS_S = 10.0
WAIT_S = 2.0
END_S = 420.0
WELL = "✓ every invariant holds"
SLOWLY = "sleep 1"
TASKS = (task(f"{SLOWLY}\n{BONJOUR}"), task(f"try 1:\n{BONSOIR}\ntry 2:\n{SLOWLY}\n{BONJOUR}"), task(BONJOUR))
MORE = ("flush", "restart")
"""What may happen to Redis beside being killed: emptied, or told to stop."""
CUT = "cut"
"""What may happen to PostgreSQL: every connection to it is ended at once, whatever was being said or committed."""
MACHINE = "machine"
"""All of it killed at once by its supervisor's end, and started anew: nobody saw the workers end, and their leases have to run out."""


@dataclass
class Kill:
    """One blow: who, when, and which runs lost their holder by it."""

    role: str
    at: float
    lost: list[str]


@dataclass
class Report:
    """What came of a campaign."""

    seed: int
    kills: list[Kill] = field(default_factory=list)
    orphans: set[str] = field(default_factory=set)
    reclaims: dict[str, list[float]] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    command: str = "was not asked"

    def asked(self, code: int, said: str) -> None:
        """What `slipway invariants` said. Whatever is not its word that all is well is a problem."""
        self.command = f"exit {code}: {said}"
        if (code, said) != (0, WELL):
            self.problems.append(f"slipway invariants, {self.command}")

    def lines(self) -> list[str]:
        """The report, as it is printed."""
        by = Counter(kill.role for kill in self.kills)
        found = Counter(problem.split(" ", 1)[0] for problem in self.problems)
        told = [
            f"kills          {len(self.kills)} ({', '.join(f'{role} {by[role]}' for role in (*ROLES, *MORE, CUT, MACHINE) if by[role])})",
            f"runs           {sum(self.ends.values())} ({', '.join(f'{end} {count}' for end, count in sorted(self.ends.items()))})",
            f"lost events    {found['I01']}",
            f"duplicates     {found['I03'] + found['I04']}",
            f"orphans        {len(self.orphans)} after two ticks",
            f"disagreements  {found['I06']} of attempts, launches and counters",
            f"violations     {len(self.problems)} in all",
            f"invariants     {self.command}",
        ]
        for after, each in sorted(self.reclaims.items()):
            told.append(f"re-claim       p50 {at(each, 0.5):.1f} s, p99 {at(each, 0.99):.1f} s of {len(each)} runs whose {after} was lost")
        return told


def at(values: list[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Campaign:
    """Kills as it is told by its dice, and asks for runs meanwhile."""

    home: Installation
    dice: random.Random
    report: Report
    pause_s: float = 6.0
    at_once: int = AT_ONCE
    together: int = 1

    roles: Sequence[str] = (*ROLES, *MORE)
    most_s: float = 86_400.0

    def run(self, kills: int, most_runs: int) -> Report:
        """All of it, to the last run's end."""
        until = time.monotonic() + self.most_s
        while (len(self.report.kills) < kills or len(self.home.asked) < most_runs) and time.monotonic() < until:
            self.ask(most_runs)
            self.look(self.dice.uniform(0.2, self.pause_s))
            for _ in range(min(self.together, kills - len(self.report.kills))):
                self.strike(self.roles)
        self.settle()
        self.judge()
        return self.report

    def ask(self, most: int) -> None:
        """Keep the workers busy."""
        while len(self.home.asked) < most and self.home.unfinished() < self.at_once:
            self.home.ask(self.dice.choice(TASKS))

    def look(self, seconds: float) -> None:
        """Let time pass, with an eye on runs nobody looks after."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.report.orphans |= set(self.home.orphans(TWO_TICKS_S))
            time.sleep(0.25)
        self.home.redeliver()

    def strike(self, at: Sequence[str]) -> None:
        """Kill a process of some role, as soon as it has one, or do something to Redis: each as often as the others."""
        role, lost, began = self.dice.choice(at), list[str](), time.time()
        if role == CUT:
            _cut(self.home)
        elif role in MORE:
            disturb(self.home, role)
        elif role == MACHINE:
            lost, began = self._lose_the_machine(), self.home.died
        else:
            victims = self._victims(role)
            if not victims:
                return
            pid = self.dice.choice(sorted(victims))
            try:
                lost, began = self._holding(pid, role), time.time()
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, FileNotFoundError):  # it was quicker
                return
        self.report.kills.append(Kill(role, began, lost))

    def _lose_the_machine(self) -> list[str]:
        """Everything dies when there is something to lose, and a machine starts again; the runs that were at work."""
        until = time.monotonic() + 10 * WAIT_S
        while not (lost := list(self.home.held())) and time.monotonic() < until:
            time.sleep(0.05)
        self.home.kill()
        self.home.start()
        return lost

    def _victims(self, role: str) -> list[int]:
        """The living processes of a role; agents and work-horses come and go, and are waited for."""
        until = time.monotonic() + WAIT_S
        while not (found := self.home.victims()[role]) and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def settle(self) -> None:
        """Wait until everything has come to an end."""
        await_(lambda: (self.look(1.0), self.home.unfinished() == 0)[1], END_S, "everything came to an end")
        self.look(2.0)

    def judge(self) -> None:
        """Look at what is left, and measure."""
        report, home = self.report, self.home
        report.problems = [str(one) for one in home.wrong()]
        report.problems += [f"I01 {one.guid}: nobody took it" for one in untaken(home)]
        report.problems += home.disagreements()
        found = home.rows(sa.select(runs.c.number, runs.c.state, runs.c.reason_code))
        report.ends = Counter(row.state if row.state == "succeeded" else f"{row.state}:{row.reason_code}" for row in found)
        missing = set(home.asked) - {row.number for row in found}
        report.problems += [f"I01 issue {number}: no run came of its label" for number in sorted(missing)]
        succeeded = sum(row.state == "succeeded" for row in found)
        if len(home.github.pulls()) < succeeded:
            report.problems.append(f"I04 all: {succeeded} runs succeeded with {len(home.github.pulls())} pull requests")
        for kill in report.kills:
            for run in kill.lost:
                after = MACHINE if kill.role == MACHINE else "process"
                report.reclaims.setdefault(after, []).extend([claim - kill.at for claim in home.claims(run) if claim > kill.at][:1])

    def _holding(self, pid: int, role: str) -> list[str]:
        """The runs that lose their holder when this process dies."""
        if role not in {"worker", "horse"}:
            return []
        parent = pid if role == "worker" else int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return [run for run, owner in self.home.held().items() if f":{parent}:" in owner]


def untaken(home: Installation) -> list[object]:
    """Deliveries that were never answered with 202."""
    taken = {one.guid for one in home.github.deliveries if one.status_code == 202}
    return [one for one in home.github.deliveries if one.sent and one.guid not in taken]


def disturb(home: Installation, how: str) -> None:
    """Once only: a client that tries again would also stop the server that was started instead."""
    client = ringing_client(f"unix://{place(home.data).socket}?db=0")
    with contextlib.closing(client), contextlib.suppress(RedisError):
        client.flushall() if how == "flush" else client.shutdown(nosave=True)


def _cut(home: Installation) -> None:
    """Ours, by which this is told, is the only connection that is left."""
    others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with home.engine.connect() as connection:
        connection.execute(others)


def campaign(root: Path, *, kills: int, most_runs: int, seed: int, url: str | None = None, **how: Any) -> Report:
    """A campaign in a directory of its own, on SQLite or on the PostgreSQL of that URL."""
    with installation(root, "[allow]\nactor_per_hour = 10000\n", url=url) as home:
        report = Campaign(home, random.Random(seed), Report(seed), **how).run(kills, most_runs)
    report.asked(*home.command("invariants"))
    return report


def main() -> int:
    """Run it and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--runs", type=int, default=30)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--pause", type=float, default=6.0, help="the longest time between two kills, in seconds")
    options.add_argument("--at-once", type=int, default=AT_ONCE, help="how many runs, announcements and callbacks are kept unfinished")
    options.add_argument("--together", type=int, default=1, help="how many blows fall at the same moment")
    options.add_argument("--minutes", type=float, default=24 * 60.0, help="begin nothing more after that time")
    options.add_argument("--only", nargs="+", help="whom to strike; `machine` is all of it at once")
    options.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite; its connections are cut as well")
    given = options.parse_args()
    print(f"seed           {given.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="campaign-"))
    began = time.monotonic()
    try:
        how = {
            "pause_s": given.pause,
            "at_once": given.at_once,
            "together": given.together,
            "roles": given.only or (*ROLES, *MORE, *((CUT,) if given.postgres else ())),
            "most_s": 60 * given.minutes,
        }
        with postgres_server(root / "postgres") if given.postgres else contextlib.nullcontext() as url:
            report = campaign(root, kills=given.kills, most_runs=given.runs, seed=given.seed, url=url, **how)
    except BaseException:
        print(f"kept in {root}", flush=True)
        raise
    print("\n".join([*report.lines(), f"took           {time.monotonic() - began:.0f} s", *report.problems]), flush=True)
    if report.problems:
        print(f"kept in {root}", flush=True)
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
