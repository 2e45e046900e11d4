"""What only one package may do, and that its bench runs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("app", "delivery", "handlers", "infra", "jobs")
OWNED = ("read-tree", "checkout-index", '"worktree"', "fast-import", "overlay-src")


def test_no_other_module_makes_checkouts() -> None:
    """Proves: 003-26."""
    owners = (ROOT / "infra" / "workspaces", ROOT / "infra" / "sandbox")
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if not any(path.is_relative_to(owner) for owner in owners)
        for word in OWNED
        if word in path.read_text()
    ]
    assert found == []


def test_the_bench_of_checkouts_runs_and_prints_its_ratios() -> None:
    """Proves: 004-41."""
    done = subprocess.run([sys.executable, "-m", "bench.checkout", "40", "1"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split(" is ")[0] for line in done.stdout.splitlines() if " is " in line] == [
        "checkout at the commit",
        "checkout one commit behind",
        "harvest of 10 in 40, its commit included,",
        "harvest of 10 in 40, its commit included,",
    ]
