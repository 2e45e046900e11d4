"""Checkouts and harvests of a repository of 20,000 files, beside what git itself offers: `python -m bench.checkout [files [rounds]]`.

Every round measures all candidates one after the other, so that a slow moment of the machine meets them alike.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infra.sandbox import Bubblewrap
from jobs.model import Run
from tests.infra.workspaces.world import World, git

FILES = 20_000
ROUNDS = 7


def tree(files: int) -> dict[str, str | bytes | None]:
    return {f"src/part{n % 100:02}/module{n:05}.py": f"value = {n}\n" * 20 for n in range(files)}


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


class Bench:
    """One repository and every way to a checkout of it."""

    def __init__(self, root: Path, files: int) -> None:
        self.root = root
        self.world = World(root, Bubblewrap(root / "scratch"), tree(files))
        self.count = 0
        self.cache = root / "cache.git"
        git(root, "clone", "-q", "--bare", str(self.world.upstream.path), str(self.cache))
        self.prepared()

    def name(self) -> str:
        self.count += 1
        return f"run{self.count}"

    def prepared(self) -> Run:
        return self.world.prepared(self.world.run(self.name()))

    def at_the_commit(self) -> float:
        run = replace(self.world.run(self.name()), base_sha=git(self.cache, "rev-parse", "main").strip())
        taken = timed(lambda: self.world.workspaces.prepare(run))
        self.world.workspaces.dispose(run)
        return taken

    def one_behind(self) -> float:
        self.world.upstream.commit({"src/part00/module00000.py": f"value = {time.time()}\n", f"src/new{self.count}.py": "new = 1\n"})
        git(self.cache, "fetch", "-q", "origin", "+refs/heads/*:refs/heads/*")
        base = git(self.cache, "rev-parse", "main").strip()
        first = self.world.run(self.name())
        self.world.workspaces.fetch_ahead(first.repository, "main")
        run = replace(first, base_sha=base)
        taken = timed(lambda: self.world.workspaces.prepare(run))
        self.world.workspaces.dispose(run)
        return taken

    def worktree(self) -> float:
        place = self.root / self.name()
        taken = timed(lambda: git(self.cache, "worktree", "add", "-q", "--detach", str(place), "main"))
        git(self.cache, "worktree", "remove", "--force", str(place))
        return taken

    def clone(self) -> float:
        place = self.root / self.name()
        taken = timed(lambda: git(self.root, "clone", "-q", "--no-hardlinks", str(self.world.upstream.path), str(place)))
        shutil.rmtree(place)
        return taken

    def changed(self, place: Path) -> None:
        for n in range(10):
            file = place / f"src/part{n:02}/module{n:05}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"changed = {time.time()}\n")

    def harvest(self) -> float:
        run = self.prepared()
        checkout = self.world.workspaces.prepare(run)
        self.changed(checkout.path)
        taken = timed(lambda: self.world.workspaces.harvest(run, checkout))
        self.world.workspaces.dispose(run)
        return taken

    def write_tree(self) -> float:
        return self.by_git("write-tree")

    def commit(self) -> float:
        return self.by_git("commit", "-q", "-m", "Ten files changed")

    def by_git(self, *then: str) -> float:
        place = self.root / self.name()
        git(self.cache, "worktree", "add", "-q", "--detach", str(place), "main")
        self.changed(place)

        def work() -> None:
            git(place, "add", "-A")
            git(place, *then)

        taken = timed(work)
        git(self.cache, "worktree", "remove", "--force", str(place))
        return taken


def main() -> None:
    files, rounds = (*map(int, sys.argv[1:]), *(FILES, ROUNDS)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), files)
        ways = ("at_the_commit", "one_behind", "worktree", "clone", "harvest", "write_tree", "commit")
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                taken[way].append(getattr(bench, way)())
    middle = {way: statistics.median(times) for way, times in taken.items()}
    for way in ways:
        print(f"{way:15} {middle[way]:9.1f} ms   min {min(taken[way]):9.1f}   max {max(taken[way]):9.1f}")
    print(f"checkout at the commit is {middle['worktree'] / middle['at_the_commit']:.0f} x faster than git worktree add (goal 200)")
    print(f"checkout one commit behind is {middle['worktree'] / middle['one_behind']:.0f} x faster than git worktree add (goal 20)")
    harvest = f"harvest of 10 in {files}, its commit included, is"
    print(f"{harvest} {middle['commit'] / middle['harvest']:.1f} x faster than git add and commit (goal 4)")
    print(f"{harvest} {middle['write_tree'] / middle['harvest']:.1f} x faster than git add and write-tree, which makes none")


if __name__ == "__main__":
    main()
