"""A repository of this machine that cannot take a delivery: neither branch nor record is there then, and the reason is a typed one."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from delivery.local import LocalDeliveryManager, record_ref
from delivery.plan import plan
from jobs.errors import Fault, LeaseLost, Refused
from jobs.evidence import GateReport
from jobs.model import Lease, Run
from jobs.ports import Effect
from tests.delivery import runs
from tests.fakes.forge import FakeEffects
from tests.infra.test_git_remote import Delivering
from tests.infra.workspaces.world import git
from tests.needs import missing

RIVALS = 6


class Yard:
    """A verified change, and a bare repository it is to be delivered to."""

    def __init__(self, root: Path) -> None:
        self.at = Delivering(root)
        self.bare = self.at.bare
        asked, snapshot = self.at.run, self.at.run.snapshot
        assert snapshot
        self.run = replace(
            runs.run(), id=asked.id, request=asked.request, snapshot=snapshot, verified=GateReport(snapshot.tree, (runs.TESTS,))
        )
        self.before = self.refs()

    def deliver(self, run: Run | None = None, to: Path | None = None) -> None:
        LocalDeliveryManager(self.at.remote, FakeEffects(), lambda _: str(to or self.bare)).deliver(run or self.run)

    def refs(self, where: Path | None = None) -> set[str]:
        return set(git(where or self.bare, "for-each-ref", "--format=%(refname)").split())


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@contextmanager
def mounted(where: Path, source: Path, *options: str) -> Iterator[None]:
    """`source` (or a new tmpfs) over `where`."""
    done = subprocess.run(["mount", *options, str(source), str(where)], check=False, capture_output=True)
    if done.returncode:
        missing("the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room for another byte."""
    with file.open("wb", buffering=0) as open_file, contextlib.suppress(OSError):
        while open_file.write(os.urandom(4096)):
            continue


def test_a_repository_that_may_only_be_read_gets_neither_and_says_so(yard: Yard) -> None:
    """Proves: F90."""
    with mounted(yard.bare, yard.bare, "-o", "bind,ro"):
        with pytest.raises(Refused) as refused:
            yard.deliver()
        assert refused.value.reason.code == "push_refused"
        assert yard.refs() == yard.before


def test_a_full_disk_takes_neither_and_a_later_try_both(yard: Yard, tmp_path: Path) -> None:
    """Proves: F90."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, Path("none"), "-t", "tmpfs", "-o", "size=600k"):
        bare = disk / "bare.git"
        git(tmp_path, "clone", "-q", "--bare", str(yard.bare), str(bare))
        fill(bare / "filler")
        with pytest.raises(Fault) as fault:
            yard.deliver(to=bare)
        assert fault.value.reason.code in {"disk_full", "push_refused", "delivery_failed"}, fault.value.reason
        assert yard.refs(bare) == yard.before
        (bare / "filler").unlink()
        yard.deliver(to=bare)
        assert yard.refs(bare) - yard.before == {plan(yard.run).ref, record_ref(yard.run)}


@pytest.mark.parametrize("hook", ["pre-receive", "update", "reference-transaction"])
def test_whichever_hook_refuses_there_is_neither(yard: Yard, hook: str) -> None:
    """Proves: F83, F90."""
    yard.at.hook(hook, 'test "$1" = aborted && exit 0; echo "Not on a Friday" >&2; exit 1')
    with pytest.raises(Fault) as fault:
        yard.deliver()
    assert fault.value.reason.code in {"push_refused", "delivery_failed"}
    assert "Not on a Friday" in fault.value.evidence
    assert yard.refs() == yard.before


def test_many_runs_delivered_at_the_same_moment_all_arrive_whole(yard: Yard) -> None:
    """Proves: F90, I04, I07."""
    rivals = [replace(yard.run, id=f"{n:02}{yard.run.id[2:]}" * 4) for n in range(RIVALS)]
    failed: list[BaseException] = []

    def deliver(run: Run) -> None:
        last: Fault | None = None
        for _ in range(20):
            try:
                yard.deliver(run)
            except Refused as refused:
                failed.append(refused)
                break
            except Fault as fault:
                last = fault
            else:
                return
        failed.append(last or AssertionError("it never got through"))

    threads = [threading.Thread(target=deliver, args=(run,)) for run in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert yard.refs() - yard.before == {ref for run in rivals for ref in (plan(run).ref, record_ref(run))}


def test_the_base_may_move_while_a_run_works(yard: Yard) -> None:
    """Proves: F82."""
    git(yard.bare, "update-ref", "refs/heads/main", yard.at.other())
    yard.deliver()
    assert git(yard.bare, "rev-parse", f"{plan(yard.run).ref}^").strip() == yard.at.base


# after a backup was restored: the store has forgotten what the repository knows


def again(yard: Yard) -> Run:
    """The same run, worked on once more: its commit is another."""
    snapshot = yard.at.world.changed("echo newer > new.txt", yard.at.run)
    return replace(yard.run, snapshot=snapshot, verified=GateReport(snapshot.tree, (runs.TESTS,)))


def stands(yard: Yard) -> dict[str, str]:
    """Where the refs of the delivery are."""
    lines = git(yard.bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return {name: sha for name, sha in map(str.split, lines) if name not in yard.before}


def test_what_the_store_forgot_is_found_and_brought_up_to_date(yard: Yard) -> None:
    """Proves: F44, I04."""
    yard.deliver()
    run = again(yard)
    yard.deliver(run)
    assert run.snapshot
    assert {sha for name, sha in stands(yard).items() if name.startswith("refs/heads/")} == {run.snapshot.commit}
    assert git(yard.bare, "rev-parse", f"{record_ref(run)}^").strip() == run.snapshot.commit
    assert len(stands(yard)) == 2


def test_a_human_s_commit_onto_what_the_store_forgot_is_never_overwritten(yard: Yard) -> None:
    """Proves: F44, F81."""
    yard.deliver()
    [branch] = [name for name in stands(yard) if name.startswith("refs/heads/")]
    git(yard.bare, "update-ref", branch, yard.at.other())
    before = stands(yard)
    with pytest.raises(Refused) as refused:
        yard.deliver(again(yard))
    assert refused.value.reason.code == "head_moved"
    assert stands(yard) == before


@dataclass
class Slept(FakeEffects):
    """The record of a worker that loses its lease once it has written down what it is about to do."""

    def intend(self, run: Run, kind: str, key: str) -> Effect:
        try:
            return super().intend(run, kind, key)
        finally:
            self.lost = True


def test_a_worker_that_slept_while_another_delivered_does_not_take_that_for_forgotten(yard: Yard) -> None:
    """Proves: F28, F74, I07."""
    yard.deliver()
    before = stands(yard)
    zombie = replace(again(yard), lease=Lease(1, "zombie"))
    with pytest.raises(LeaseLost):
        LocalDeliveryManager(yard.at.remote, Slept(), lambda _: str(yard.bare)).deliver(zombie)
    assert stands(yard) == before
