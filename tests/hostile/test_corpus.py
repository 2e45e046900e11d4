"""Every hostile agent of the corpus ends in the outcome written beside it, and leaves nothing outside."""

from pathlib import Path

import pytest

from jobs.errors import Refused
from jobs.evidence import Snapshot
from tests.hostile.corpus import CASES, Case
from tests.infra.workspaces.world import World, git, kinds
from tests.needs import working_sandbox

CANARY = "CANARY-of-the-host-7f3a"


class Arena:
    """One repository for all cases, on a host with something to lose."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sentinel = root / "sentinel"
        (root / "secret.txt").write_text(f"{CANARY}\n")
        self.world = World(root, working_sandbox(root / "scratch"))
        self.count = 0
        self.told: list[str] = []
        self.honest = root / "data" / "honest.git"
        git(root, "init", "-q", "--bare", str(self.honest))

    def outcome(self, case: Case) -> str | dict[str, str]:
        self.count += 1
        run = self.world.prepared(self.world.run(f"case{self.count}"))
        try:
            self.world.agent(run, case.script.replace("{sentinel}", str(self.sentinel)))
            snapshot = self.world.harvest(run)
            if snapshot is None:
                return {}
            self.check(snapshot)
            return kinds(snapshot)
        except Refused as refused:
            self.told.append(refused.reason.text + refused.evidence)
            return refused.reason.code
        finally:
            self.world.workspaces.dispose(run)

    def check(self, snapshot: Snapshot) -> None:
        """The commit is one an honest git would take, and has nothing of the host in it."""
        taking = (
            "-c",
            "fetch.fsckObjects=true",
            "-c",
            "gc.auto=0",
            "fetch",
            "-q",
            str(self.world.data / "control" / "local-7.git"),
            snapshot.commit,
        )
        git(self.honest, *taking)
        assert CANARY not in git(self.honest, "log", "-p", "--text", "-1", "FETCH_HEAD")
        assert " 160000 " not in self.world.control("ls-tree", "-r", snapshot.commit)

    def outside(self) -> set[str]:
        """Everything on the host beside our own data directory."""
        ours = [path for path in self.root.iterdir() if path.name != "data"]
        return {str(path) for place in ours for path in (place, *place.rglob("*"))}


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return Arena(tmp_path_factory.mktemp("arena"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_agent_ends_as_it_should(arena: Arena, case: Case) -> None:
    """Proves: F52, F55, F56, F57, F58, F59, I13, I24, G17, T17, 002-07."""
    before = arena.outside()
    outcome = arena.outcome(case)
    if case.outcome == "{added}":
        assert isinstance(outcome, dict), outcome
        assert set(outcome.values()) == {"added"}
    else:
        assert outcome == case.outcome
    assert not arena.sentinel.exists()
    assert arena.outside() == before
    assert not any(CANARY in text for text in arena.told)


def test_there_are_enough_of_them() -> None:
    """Proves: G17."""
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_shared_repository_came_through_unharmed(arena: Arena) -> None:
    """Proves: F55, I13."""
    run = arena.world.prepared(arena.world.run("last"))
    assert arena.world.agent(run, "git status --porcelain; find . -type f -not -path './.git/*' | sort").stdout.text == (
        "./README.md\n./src/app.py\n./src/deep/x.txt\n"
    )
    assert arena.world.workspaces.leftovers() == ("last",)
