"""A run goes on where it is claimed next, and what a machine keeps of a repository stays small and can go."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.git_remote import GitRemote
from infra.sandbox import Confinement, Unconfined
from jobs.errors import Fault
from tests.infra.workspaces.world import BOUNDS, Here, World, git, kinds


class Shared:
    """`Artifacts` that every machine sees."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        self.kept[run_id, name] = data
        return name

    def get(self, run_id: str, name: str) -> bytes:
        return self.kept[run_id, name]


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def here(tmp_path: Path, shared: Shared) -> World:
    return World(tmp_path / "here", Unconfined(), artifacts=shared)


@pytest.fixture
def there(tmp_path: Path, shared: Shared, here: World) -> World:
    """Another machine with the same upstream and store."""
    world = World(tmp_path / "there", Unconfined(), artifacts=shared)
    world.sources.url = here.sources.url
    return world


def test_another_machine_goes_on_from_the_snapshot(here: World, there: World) -> None:
    """Proves: F26."""
    run = here.prepared(here.run())
    run = replace(run, snapshot=here.changed("echo one > one.txt", run), attempt=2)
    assert there.agent(run, "cat one.txt; git status --porcelain").stdout.text == "one\n"
    assert kinds(there.changed("echo two > two.txt", run)) == {"one.txt": "added", "two.txt": "added"}


def test_another_machine_verifies_and_delivers(here: World, there: World, tmp_path: Path, shared: Shared) -> None:
    """Proves: F26, I08."""
    run = here.prepared(here.run())
    snapshot = here.changed("echo one > one.txt", run)
    run = replace(run, snapshot=snapshot)
    assert "+one" in there.workspaces.patch(run, snapshot)
    with there.workspaces.tree_at(run, snapshot.commit) as view:
        assert there.sandbox.run(Confinement(("cat", "one.txt"), view.mounts), BOUNDS).stdout.text == "one\n"
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    third = tmp_path / "third"
    remote = GitRemote(third, there.git, Here(here.sources.url), shared)
    remote.push_record(run, "refs/heads/new", snapshot.commit, f"refs/slipway/{run.id}", "{}", to=str(tmp_path / "bare.git"))
    assert git(tmp_path / "bare.git", "rev-parse", "refs/heads/new").strip() == snapshot.commit


def test_a_machine_that_shares_nothing_says_so(here: World, there: World, shared: Shared) -> None:
    run = here.prepared(here.run())
    run = replace(run, snapshot=here.changed("echo one > one.txt", run), attempt=2)
    shared.kept.clear()
    with pytest.raises(Fault, match="share the artifacts") as raised:
        there.workspaces.prepare(run)
    assert raised.value.reason.code == "checkout_failed"


def test_a_snapshot_that_was_tampered_with_is_not_taken(here: World, there: World, shared: Shared) -> None:
    run = here.prepared(here.run())
    run = replace(run, snapshot=here.changed("echo one > one.txt", run), attempt=2)
    shared.kept = {name: data[:-30] + bytes(30) for name, data in shared.kept.items()}
    with pytest.raises(Fault, match="share the artifacts"):
        there.workspaces.prepare(run)


def test_fetching_ahead_leaves_nothing_to_fetch(here: World) -> None:
    assert not here.workspaces.fetch_ahead(here.run().repository, "main"), "nobody works on it here"
    here.workspaces.dispose(here.prepared(here.run("before")))
    tip = here.upstream.commit({"later.txt": "x\n"})
    assert here.workspaces.fetch_ahead(here.run().repository, "main")
    here.sources.url = "/nowhere"
    assert here.agent(replace(here.run(), base_sha=tip), "ls").stdout.text == "README.md\nlater.txt\nsrc\n"


def test_many_packs_become_one_and_nothing_is_lost(here: World) -> None:
    """Proves: I20."""
    run = here.prepared(here.run())
    snapshots = []
    for number in range(25):
        snapshots.append(here.changed(f"echo {number} > file", run))
        run = replace(run, snapshot=snapshots[-1])
    here.workspaces.dispose(run)
    packs = here.data / "control" / "local-7.git" / "objects" / "pack"
    assert len(list(packs.glob("*.pack"))) >= 25
    here.workspaces.tidy(run.repository)
    assert len(list(packs.glob("*.pack"))) == 1
    assert [here.show(snapshot, "file") for snapshot in snapshots] == [f"{number}\n" for number in range(25)]


def test_a_repository_can_be_forgotten(here: World) -> None:
    """Proves: F85."""
    run = here.prepared(here.run())
    here.workspaces.dispose(run)
    here.workspaces.forget(run.repository)
    left = [path for path in here.data.rglob("*local-7*") if not path.name.endswith(".lock")]
    assert left == []
    assert here.prepared(here.run("again")).base_sha == here.first


def test_only_checkouts_count_as_leftovers(here: World) -> None:
    (here.data / "work" / "launch-abc" / "out").mkdir(parents=True)
    (here.data / "work" / ".probe-abc").mkdir()
    here.prepared(here.run())
    assert here.workspaces.leftovers() == ("ab12cd34",)
