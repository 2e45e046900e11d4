"""`python -m tests.faults.stops --stops N --seed S`: runs of a real installation are stopped at random moments, by every door.

Measured is the time from the word to the end of everything in the run's sandbox (for a run that has none: of its checkout), and to the
run's being cancelled.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.faults.installation import Installation, await_, installation
from tests.faults.witness import machine
from tests.stories.hanging import MARK, WAITS, Wait, processes
from tests.stories.test_stopping_for_real import MOST_S, Door, asked_for, by_command, by_comment, by_label, by_request
from tests.stories.world import BONJOUR, task

DOORS: Sequence[Door] = (by_comment, by_label, by_command, by_request)
BUSY = Wait("any", body=task(f"daemon {MARK}\n{BONJOUR}\ntick 4"))
"""A run that comes to its end by itself within some seconds, if nobody stops it in one of its phases."""
KINDS: Mapping[str, Wait] = {**WAITS, "somewhere in a run of six seconds": BUSY}


def stopped(real: Installation, dice: random.Random, wait: Wait) -> tuple[float, float] | None:
    """Ask, wait for a random moment, stop; how long both took. None where the run was over before."""
    wait.prepare(real.github)
    asked = asked_for(real, wait)
    if wait is BUSY:
        await_(lambda: asked.row is not None, MOST_S, "it is asked for")
        time.sleep(dice.uniform(0.0, 6.0))
    else:
        await_(lambda: wait.waits(real.github), MOST_S, "it waits")
        time.sleep(dice.uniform(0.0, 2.0))
    labelled = "slipway:running" in real.github.labels(asked.number, repo=asked.repo)
    door = dice.choice([door for door in DOORS if door is not by_label or labelled])
    began = time.monotonic()
    try:
        door(asked)
    except (subprocess.CalledProcessError, urllib.error.HTTPError):  # it was over by then, and the door says so
        return None
    dead = _until(began, lambda: not processes(MARK) and asked.id not in machine(real.data).directories)
    over = _until(began, lambda: asked.row is not None and asked.row.state in ("cancelled", "succeeded"))
    real.github.hub.faults.clear()
    await_(lambda: real.unfinished() == 0, MOST_S, "everything is done")
    return (dead, over) if asked.stands("cancelled") else None


def _until(began: float, true: Callable[[], bool]) -> float:
    while not true():
        if time.monotonic() - began > MOST_S:
            return MOST_S
        time.sleep(0.05)
    return time.monotonic() - began


def told(name: str, times: Sequence[float]) -> str:
    """A line of figures."""
    ordered = sorted(times)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name}: {len(ordered)} stops, p50 {statistics.median(ordered):.1f} s, p99 {last:.1f} s, most {ordered[-1]:.1f} s"


def main() -> int:
    """Stop so many runs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stops", type=int, default=60)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--minutes", type=float, default=24 * 60.0)
    given, until = options.parse_args(), time.monotonic()
    print(f"seed {given.seed}", flush=True)
    dice, found = random.Random(given.seed), dict[str, list[tuple[float, float]]]()
    with installation(Path(tempfile.mkdtemp(prefix="stops-"))) as real:
        for number in range(given.stops):
            if time.monotonic() > until + 60 * given.minutes:
                break
            kind = list(KINDS)[number % len(KINDS)]
            took = stopped(real, dice, KINDS[kind])
            found.setdefault(kind, []).extend([took] if took else [])
        wrong = [str(one) for one in real.wrong()]
    for kind, times in found.items():
        print(told(f"{kind}, to the end of its sandbox", [dead for dead, _ in times]) if times else f"{kind}: none")
    every = [took for times in found.values() for took in times]
    print(told("all, to the end of the sandbox", [dead for dead, _ in every]))
    print(told("all, to the run's being cancelled", [over for _, over in every]))
    print(f"{len(wrong)} violations", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
