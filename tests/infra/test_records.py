"""Records are read from the repository alone, and believed only as far as they have their form."""

import json
from pathlib import Path

import pytest

from delivery.plan import plan
from infra import records
from infra.git import Git
from jobs.errors import UserError
from tests.delivery import runs
from tests.infra.workspaces.world import git

RECORD = plan(runs.run()).record


class Kept:
    """A repository with records in it, and nothing else on this machine."""

    def __init__(self, root: Path) -> None:
        self.path = root / "bare.git"
        git(root, "init", "-q", "--bare", str(self.path))
        self.git = Git(root / "home")

    def put(self, run_id: str, text: str) -> None:
        blob = git(self.path, "hash-object", "-w", "--stdin", data=text.encode()).strip()
        tree = git(self.path, "mktree", data=f"100644 blob {blob}\trecord.json\n".encode()).strip()
        git(self.path, "update-ref", f"refs/slipway/{run_id}", git(self.path, "commit-tree", "-m", "Record", tree).strip())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_record_is_found_by_the_beginning_of_its_run(kept: Kept) -> None:
    """Proves: 004-37."""
    kept.put(runs.run().id, RECORD)
    for beginning in ("ab12", runs.run().id):
        assert records.read(kept.git, kept.path, beginning) == json.loads(RECORD)


def test_one_of_several_is_asked_for_more_exactly(kept: Kept) -> None:
    for run_id in ("ab" * 16, "ac" * 16):
        kept.put(run_id, RECORD)
    with pytest.raises(UserError, match="there are 2 that begin like this"):
        records.read(kept.git, kept.path, "a")
    with pytest.raises(UserError, match="there are 2 records in all"):
        records.read(kept.git, kept.path, "f")
    with pytest.raises(UserError):
        records.read(kept.git, kept.path, "")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"run": "other"}', '{"run": "' + "ab12" * 8 + '"}', "[" * 100_000])
def test_what_is_no_record_is_not_shown_as_one(kept: Kept, text: str) -> None:
    kept.put(runs.run().id, text)
    with pytest.raises(UserError, match="is not the record of that run"):
        records.read(kept.git, kept.path, "ab12")


def test_a_place_that_is_no_repository_is_told(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a git repository"):
        records.read(kept.git, tmp_path, "ab12")
