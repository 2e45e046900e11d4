"""`python -m tests.faults.soak --minutes 20 --seed S`: a working installation under a steady load, with a fault every minute.

Beside everything that a campaign looks at, memory, open files and disk of the processes that are never killed have to be flat: what they
were in the second quarter of the time is compared with the last.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.faults.campaign import Campaign, Report
from tests.faults.installation import Installation, installation

FAULTS = ("horse", "agent", "redis", "flush", "restart")
"""What is done to it: the processes that are looked at live from beginning to end."""
SAMPLE_S, FAULT_S = 10.0, 60.0
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWN, SOME_MB, SOME_FILES = 1.15, 8.0, 3.0
"""More than a seventh and more than these few is a leak."""


@dataclass(frozen=True)
class Sample:
    """What there is at a moment, by what it is of: megabytes resident, open files, megabytes on disk."""

    memory: dict[str, float]
    files: dict[str, float]
    disk: dict[str, float]
    runs: int


@dataclass
class Soak:
    """A campaign of few blows that goes by the clock."""

    campaign: Campaign
    samples: list[Sample] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """All of it, to the last run's end."""
        home, end = self.campaign.home, time.monotonic() + seconds
        fault_at = time.monotonic() + FAULT_S / 2
        while time.monotonic() < end:
            self.campaign.ask(10**6)
            self.campaign.look(min(SAMPLE_S, max(0.5, end - time.monotonic())))
            self.samples.append(sample(home))
            if time.monotonic() > fault_at:
                self.campaign.strike(FAULTS)
                fault_at += FAULT_S
        self.campaign.settle()
        self.campaign.judge()

    def leaks(self) -> Iterator[str]:
        """What grew that should not."""
        for kind, some in (("memory", SOME_MB), ("files", SOME_FILES)):
            for of, (before, after) in self.quarters(kind).items():
                if after > before * GROWN and after > before + some:
                    yield f"{kind} of {of} went from {before:.0f} to {after:.0f}"

    def quarters(self, kind: str) -> dict[str, tuple[float, float]]:
        """The median of the second quarter of the time, and of the last."""
        each = [getattr(one, kind) for one in self.samples]
        quarter = max(1, len(each) // 4)
        names = sorted({name for one in each for name in one})
        middle, last = each[quarter : 2 * quarter] or each, each[-quarter:]
        return {name: (median(one.get(name, 0.0) for one in middle), median(one.get(name, 0.0) for one in last)) for name in names}

    def lines(self) -> Iterator[str]:
        """What was measured."""
        for kind, unit in (("memory", "MB"), ("files", "open"), ("disk", "MB")):
            told = (f"{of} {before:.1f} -> {after:.1f}" for of, (before, after) in self.quarters(kind).items())
            yield f"{kind:<14} {', '.join(told)} {unit}"
        first, last = self.samples[0], self.samples[-1]
        grown = sum(last.disk.values()) - sum(first.disk.values())
        yield f"disk a run     {1024 * grown / max(1, last.runs - first.runs):.0f} KB kept of each run that ended"


def sample(home: Installation) -> Sample:
    """Look at it once."""
    pids = {"supervisor": [home.up.pid if home.up else 0], **home.victims()}
    steady = {role: pids[role] for role in ("supervisor", "web", "keeper", "worker")}
    memory = {role: sum(map(_resident, found)) for role, found in steady.items()}
    files = {role: float(sum(map(_open_files, found))) for role, found in steady.items()}
    disk = {path.name: _size(path) for path in sorted(home.data.iterdir()) if path.is_dir()}
    return Sample(memory, files, disk, len(home.asked))


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1024**2
    except OSError:
        return 0.0


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def _size(path: Path) -> float:
    total = 0
    for folder, _, names in os.walk(path, onerror=lambda error: None):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:
                continue
    return total / 1024**2


def soak(root: Path, *, seconds: float, seed: int, at_once: int = 4) -> tuple[Soak, Report]:
    """A soak in a directory of its own."""
    with installation(root, "[allow]\nactor_per_hour = 10000\nitem_per_hour = 10000\n") as home:
        made = Soak(Campaign(home, random.Random(seed), Report(seed), at_once=at_once))
        made.run(seconds)
        made.campaign.report.problems += made.leaks()
    made.campaign.report.asked(*home.command("invariants"))
    return made, made.campaign.report


def main() -> int:
    """Run it and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed           {given.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="soak-"))
    made, report = soak(root, seconds=60 * given.minutes, seed=given.seed)
    print("\n".join([*report.lines(), *made.lines(), *report.problems]), flush=True)
    if report.problems:
        print(f"kept in {root}", flush=True)
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
