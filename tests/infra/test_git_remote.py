"""Pushes into real repositories: what they do, what they leave alone, and how a no is told."""

import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from infra.git_remote import GitRemote
from infra.sandbox import Unconfined
from jobs.errors import Fault, Refused
from jobs.model import Run
from tests.infra.workspaces.world import Here, World, git
from tests.needs import missing

REF = "refs/heads/slipway/7-greet-ab12cd34"


class Delivering:
    """A harvested change, and a bare repository to take it to."""

    def __init__(self, root: Path) -> None:
        self.world = World(root, Unconfined())
        self.bare = root / "bare.git"
        git(root, "clone", "-q", "--bare", str(self.world.upstream.path), str(self.bare))
        run = self.world.prepared(self.world.run())
        self.run: Run = replace(run, snapshot=self.world.changed("echo new > new.txt", run))
        self.commit = self.run.snapshot.commit if self.run.snapshot else ""
        self.base = self.world.first
        self.remote = GitRemote(self.world.data, self.world.git, Here(str(self.bare)))

    def at(self, ref: str = REF) -> str | None:
        found = git(self.bare, "for-each-ref", "--format=%(objectname)", ref).strip()
        return found or None

    def other(self, parent: str | None = None) -> str:
        """A commit of somebody else in the bare repository."""
        tree = git(self.bare, "rev-parse", f"{self.base}^{{tree}}").strip()
        return git(self.bare, "commit-tree", "-p", parent or self.base, "-m", "theirs", tree).strip()

    def hook(self, name: str, script: str) -> None:
        hook = self.bare / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    def record(self, *, to: Path | None = None, text: str = '{"run": 1}', ref: str = REF) -> None:
        self.remote.push_record(self.run, ref, self.commit, f"refs/slipway/{self.run.id}", text, to=str(to or self.bare))


@pytest.fixture
def delivering(tmp_path: Path) -> Delivering:
    return Delivering(tmp_path)


def test_a_new_branch_is_made_once_and_found_again(delivering: Delivering) -> None:
    """Proves: F70, E-G2."""
    for _ in range(2):
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=None)
    assert delivering.at() == delivering.commit


def test_a_branch_that_is_there_already_is_never_overwritten(delivering: Delivering) -> None:
    """Proves: F70, F81, T37."""
    git(delivering.bare, "update-ref", REF, delivering.other())
    before = delivering.at()
    with pytest.raises(Refused) as raised:
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=None)
    assert raised.value.reason.code == "head_moved"
    assert "stale info" in raised.value.evidence
    assert delivering.at() == before


def test_an_expected_head_is_moved_on_and_an_unexpected_one_left(delivering: Delivering) -> None:
    """Proves: F81."""
    git(delivering.bare, "update-ref", REF, delivering.base)
    delivering.remote.push(delivering.run, REF, delivering.commit, expect=delivering.base)
    assert delivering.at() == delivering.commit
    delivering.remote.push(delivering.run, REF, delivering.commit, expect=delivering.base)
    git(delivering.bare, "update-ref", REF, delivering.other())
    with pytest.raises(Refused) as raised:
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=delivering.base)
    assert raised.value.reason.code == "head_moved"


def test_a_branch_somebody_deleted_is_not_brought_back(delivering: Delivering) -> None:
    """Proves: F83."""
    with pytest.raises(Refused) as raised:
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=delivering.base)
    assert raised.value.reason.code == "head_moved"
    assert delivering.at() is None


def test_delete_takes_back_only_what_still_stands_where_it_was_put(delivering: Delivering) -> None:
    delivering.remote.push(delivering.run, REF, delivering.commit, expect=None)
    delivering.remote.delete(delivering.run, REF, only_at=delivering.base)
    assert delivering.at() == delivering.commit
    delivering.remote.delete(delivering.run, REF, only_at=delivering.commit)
    assert delivering.at() is None
    delivering.remote.delete(delivering.run, REF, only_at=delivering.commit)


def test_a_hook_that_refuses_is_quoted(delivering: Delivering) -> None:
    """Proves: F83."""
    delivering.hook("pre-receive", "echo 'Commits need a signature' >&2; exit 1")
    with pytest.raises(Refused, match="pre-receive hook declined") as raised:
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=None)
    assert raised.value.reason.code == "push_refused"
    assert "Commits need a signature" in raised.value.evidence
    assert delivering.at() is None


RULES = {
    "GH006: Protected branch update failed for refs/heads/topic.": "GH006: Protected branch update failed for refs/heads/topic",
    "GH013: Repository rule violations found for refs/heads/topic.\n\n- Commits must have verified signatures.\n  Found 1 violation:\n\n"
    "  0123abc": "GH013: Repository rule violations found for refs/heads/topic. - Commits must have verified signatures. "
    "Found 1 violation: 0123abc",
    "Cannot update this protected ref.": "Cannot update this protected ref",
}


@pytest.mark.parametrize("said", RULES)
def test_a_rule_that_refuses_is_quoted_in_the_reason(delivering: Delivering, said: str) -> None:
    """Protected branch, ruleset, required signatures, in GitHub's own words. Proves: F83."""
    lines = "; ".join(f"echo '{part}' >&2" for part in f"error: {said}".split("\n"))
    delivering.hook("pre-receive", f"{lines}; exit 1")
    with pytest.raises(Refused) as raised:
        delivering.remote.push(delivering.run, REF, delivering.commit, expect=None)
    assert raised.value.reason.code == "push_refused"
    assert raised.value.reason.text == f"The repository refused the push (pre-receive hook declined): {RULES[said]}."


def test_branch_and_record_arrive_together(delivering: Delivering) -> None:
    """Proves: F90."""
    for text in ('{"run": 1}', '{"run": 1}', '{"run": 1, "later": true}'):
        delivering.record(text=text)
    assert delivering.at() == delivering.commit
    assert git(delivering.bare, "show", f"refs/slipway/{delivering.run.id}:record.json") == '{"run": 1}'
    assert git(delivering.bare, "rev-parse", f"refs/slipway/{delivering.run.id}^").strip() == delivering.commit


@pytest.mark.parametrize("refused", [REF, "refs/slipway/ab12cd34"])
def test_a_hook_that_refuses_one_ref_leaves_neither(delivering: Delivering, refused: str) -> None:
    """Proves: F90."""
    delivering.hook("update", f'test "$1" != {refused}')
    with pytest.raises(Refused) as raised:
        delivering.record()
    assert raised.value.reason.code == "push_refused"
    assert (delivering.at(), delivering.at("refs/slipway/ab12cd34")) == (None, None)


def test_a_branch_of_somebody_else_lets_no_record_in(delivering: Delivering) -> None:
    """Proves: F90."""
    git(delivering.bare, "update-ref", REF, delivering.other())
    with pytest.raises(Refused) as raised:
        delivering.record()
    assert raised.value.reason.code == "head_moved"
    assert delivering.at("refs/slipway/ab12cd34") is None


def test_the_branch_somebody_works_on_is_left_alone(delivering: Delivering, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(delivering.world.upstream.path), str(work))
    git(work, "checkout", "-q", "--orphan", "mine")
    with pytest.raises(Refused) as raised:
        delivering.record(to=work, ref="refs/heads/mine")
    assert raised.value.reason.code == "branch_checked_out"
    delivering.record(to=work)
    assert git(work, "rev-parse", REF).strip() == delivering.commit


@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_a_place_that_is_no_repository_is_refused(delivering: Delivering, tmp_path: Path, where: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused) as raised:
        delivering.record(to=tmp_path / where)
    assert raised.value.reason.code == "repository_gone"
    with pytest.raises(Refused, match="absolute path"):
        delivering.remote.push_record(delivering.run, REF, delivering.commit, "refs/slipway/x", "{}", to="--upload-pack=x")


def test_a_lock_that_is_held_is_told_and_leaves_neither(delivering: Delivering) -> None:
    """Proves: F90."""
    lock = delivering.bare / f"{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(Fault):
        delivering.record()
    assert delivering.at("refs/slipway/ab12cd34") is None
    lock.unlink()
    delivering.record()


def test_a_repository_of_another_owner_can_be_used(delivering: Delivering) -> None:
    if os.getuid() != 0:
        missing("the right to give a directory away")
    subprocess.run(["chown", "-R", "12345:12345", str(delivering.bare)], check=True)
    delivering.record()
    assert (delivering.bare / REF).read_text().strip() == delivering.commit


def test_of_pushes_at_the_same_moment_one_wins_and_none_is_lost(delivering: Delivering) -> None:
    """Proves: F90, I07."""
    commits = [
        delivering.world.control("commit-tree", "-p", delivering.base, "-m", str(n), f"{delivering.base}^{{tree}}").strip()
        for n in range(4)
    ]
    told: dict[str, str] = {}

    def push(commit: str) -> None:
        try:
            delivering.remote.push(delivering.run, REF, commit, expect=None)
            told[commit] = "done"
        except Fault as fault:
            told[commit] = fault.reason.code

    threads = [threading.Thread(target=push, args=(commit,)) for commit in commits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [commit for commit, said in told.items() if said == "done"]
    assert winners == [delivering.at()]


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "refs/heads/-x",
        "refs/heads/a..b",
        "refs/heads/a b",
        "refs/heads/x.lock",
        "refs/heads/@{",
        "refs/heads/a\n",
        "--mirror",
        "HEAD",
    ],
)
def test_a_name_that_is_no_plain_ref_is_never_given_to_git(delivering: Delivering, ref: str) -> None:
    """Proves: F61."""
    with pytest.raises(Refused) as raised:
        delivering.remote.push(delivering.run, ref, delivering.commit, expect=None)
    assert raised.value.reason.code == "push_refused"
