"""`python -m tests.faults.local_weather --deliveries N --seed S`: local deliveries with a fault in each.

A delivery meets one fault in one of its calls or in the repository it goes to, and is then tried again by somebody else until it
is told a yes or a definite no. There is branch and record for each yes, and neither for each no.
"""

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from delivery.local import LocalDeliveryManager, record_ref
from delivery.plan import plan
from infra.git_remote import GitRemote
from jobs.errors import Fault, LeaseLost, Refused
from jobs.evidence import GateReport
from jobs.model import Lease, Run, RunState
from tests.delivery import runs
from tests.fakes.forge import Breaks, Crash, FakeEffects
from tests.infra.test_git_remote import Delivering
from tests.infra.workspaces.world import git

MOST_TRIES = 8


@dataclass
class Case:
    """One delivery: a repository of its own, its records, and the dice."""

    yard: "Yard"
    bare: Path
    dice: random.Random
    effects: FakeEffects = field(default_factory=FakeEffects)

    def manager(self, breaks: Breaks | None = None) -> LocalDeliveryManager:
        """A worker's manager, new as after a start."""
        at, broken = self.yard.at, breaks or Breaks()
        remote = GitRemote(at.world.data, at.world.git, at.remote._sources)
        return LocalDeliveryManager(broken.door(remote), broken.door(self.effects), lambda _: str(self.bare))

    def hook(self, name: str, script: str) -> Path:
        """A hook of the repository."""
        file = self.bare / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file


class Yard:
    """One verified change, and the repositories it is delivered to."""

    def __init__(self, root: Path) -> None:
        self.root, self.at = root, Delivering(root)
        snapshot = self.at.run.snapshot
        assert snapshot
        verified = GateReport(snapshot.tree, (runs.TESTS,))
        self.run = replace(runs.run(), id=self.at.run.id, request=self.at.run.request, snapshot=snapshot, verified=verified)
        self.wanted = {plan(self.run).ref: snapshot.commit, record_ref(self.run): ""}

    @contextlib.contextmanager
    def case(self, dice: random.Random) -> Iterator[Case]:
        """A fresh repository."""
        bare = self.root / "case.git"
        shutil.copytree(self.at.bare, bare, symlinks=True)
        yield Case(self, bare, dice)
        shutil.rmtree(bare)

    def halves(self, bare: Path) -> set[str]:
        """Which of branch and record there are; the branch only if it is ours."""
        lines = git(bare, "for-each-ref", "--format=%(refname) %(objectname)").split("\n")
        stand = dict(line.split() for line in lines if line)
        return {ref for ref, sha in self.wanted.items() if ref in stand and sha in ("", stand[ref])}


def lost(case: Case, run: Run) -> None:
    """An answer is lost, before or after the call."""
    _broken(case, run, lambda: Fault("delivery_failed", "The answer was lost."))


def crash(case: Case, run: Run) -> None:
    """The worker dies, before or after a call."""
    _broken(case, run, Crash)


def _broken(case: Case, run: Run, error: Callable[[], BaseException]) -> None:
    breaks = Breaks(case.dice.randrange(3), case.dice.choice(("before", "after")), error)
    with contextlib.suppress(Crash, Fault):
        case.manager(breaks).deliver(run)


def killed(case: Case, run: Run) -> None:
    """Whoever receives is killed in the middle of it."""
    hook = case.hook(case.dice.choice(("pre-receive", "update", "post-receive")), "kill -9 $PPID")
    with contextlib.suppress(Fault):
        case.manager().deliver(run)
    hook.unlink()


def locked(case: Case, run: Run) -> None:
    """Somebody holds a lock, and lets go of it."""
    lock = case.bare / f"{case.dice.choice([*case.yard.wanted])}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with contextlib.suppress(Fault):
        case.manager().deliver(run)
    lock.unlink()


def refused(case: Case, run: Run) -> None:
    """A hook refuses, for good."""
    case.hook("update", f'test "$1" != {case.dice.choice([*case.yard.wanted])}')
    with contextlib.suppress(Fault):
        case.manager().deliver(run)


def taken(case: Case, run: Run) -> None:
    """Somebody else has a branch of that name."""
    git(case.bare, "update-ref", plan(run).ref, case.yard.at.base)


def zombie(case: Case, run: Run) -> None:
    """A worker that lost its lease tries as well."""
    held = replace(run, lease=Lease(1, "zombie"))
    case.effects.lost = True
    with contextlib.suppress(LeaseLost):
        case.manager().deliver(held)
    case.effects.lost = False


FAULTS: Mapping[str, Callable[[Case, Run], None]] = {
    "lost": lost, "crash": crash, "killed": killed, "locked": locked, "refused": refused, "taken": taken, "zombie": zombie,
}  # fmt: skip
ENDS = {"refused": "no", "taken": "no"}
"""What has to become of a delivery with a fault; all others have to arrive."""


def played(case: Case, fault: str) -> str:
    """The fault, then others until there is an end: `yes`, `no`, or `open`."""
    run = case.yard.run
    FAULTS[fault](case, run)
    for _ in range(MOST_TRIES):
        try:
            case.manager().deliver(run)
        except Refused:
            case.manager().retract(replace(run, state=RunState.FAILED))
            return "no"
        except Fault:
            continue
        else:
            return "yes"
    return "open"


def campaign(root: Path, deliveries: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many ended how by fault, and what is wrong."""
    yard, dice = Yard(root), random.Random(seed)
    ends: Counter[str] = Counter()
    wrong = []
    for number in range(deliveries):
        fault = [*FAULTS][number % len(FAULTS)]
        with yard.case(dice) as case:
            end = played(case, fault)
            halves = yard.halves(case.bare)
            ends[f"{fault}: {end}"] += 1
            if end != ENDS.get(fault, "yes") or halves != (set(yard.wanted) if end == "yes" else set()):
                wrong.append(f"{number} ({fault}): {end}, and there is {sorted(halves) or 'neither'}")
    return ends, wrong


def main() -> int:
    """Play, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="slipway-local-") as folder:
        ends, wrong = campaign(Path(folder), given.deliveries, given.seed)
    print(", ".join(f"{end} {count}" for end, count in sorted(ends.items())))
    print(f"{sum(ends.values())} deliveries, {len(wrong)} wrong", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
