"""`slipway run` on a repository of this machine, as a person starts it: a process, its words and its exit code."""

import json
import sys
from pathlib import Path

import pytest

from app.demo.sample import BODY, TITLE, Sample
from infra import process
from infra.git import Git, Place
from infra.process import Bounds, Captured, Command

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.make(Git(tmp_path / "git"), "http://127.0.0.1:1/", sandboxed=True)
    (tmp_path / "issue.md").write_text(f"# {TITLE}\n\n{BODY}")
    return made


def slipway(sample: Sample, *arguments: str) -> Captured:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(sample.root), "SLIPWAY_DATA_DIR": str(sample.data), "PYTHONPATH": str(ROOT)}
    return process.run(Command((sys.executable, "-m", "app", *arguments), env, sample.source), Bounds(60))


def test_a_run_on_a_local_repository_leaves_a_branch_and_a_record_in_it(sample: Sample) -> None:
    """Proves: 004-37, 000-02."""
    said = slipway(sample, "run", "--issue", "../issue.md", "--json")
    assert said.ok, said.stderr.text
    run = json.loads(said.stdout.text)
    assert run["state"] == "succeeded"
    git, place = Git(sample.root / "git"), Place(sample.source / ".git")
    assert git.ask("rev-parse", f"refs/heads/{run['delivery']['branch']}", at=place).strip() == run["delivery"]["sha"]
    assert json.loads(git.ask("cat-file", "blob", f"refs/slipway/{run['id']}:record.json", at=place))["run"] == run["id"]


def test_the_turns_are_told_as_they_happen(sample: Sample) -> None:
    """Proves: 004-22."""
    said = slipway(sample, "run", "--issue", "../issue.md").stdout.text
    told = ["it is a run now", "iteration 1", "tests FAILED", "go back to the agent", "iteration 2", "6 passed", "✓ "]
    assert sorted(told, key=said.index) == told


def test_it_can_deliver_to_another_repository(sample: Sample) -> None:
    said = slipway(sample, "run", "--issue", "../issue.md", "--to", "../delivered.git", "--json")
    sha = json.loads(said.stdout.text)["delivery"]["sha"]
    assert Git(sample.root / "git").run("cat-file", "-e", sha, at=Place(sample.delivered)).ok


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "--title", ""), 1, "The task needs a title"),
        (("run", "--title", "x", "--flow", "nope"), 1, "There is no flow 'nope'. Name one of: implement, fix, plan, review."),
        (("run", "--title", "x", "--repo", ".."), 1, "is not in a git repository"),
        (("run", "--title", "x", "--base", "nope"), 1, "no commit on a branch 'nope'"),
        (("run", "--title", "x", "--agent", "gpt"), 2, "'gpt' is not one of"),
        (("run", "--title", "x", "--body", "no script here"), 1, "slipway show"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_the_exit_code(sample: Sample, arguments: tuple[str, ...], code: int, told: str) -> None:
    """Proves: 001-34, 001-55."""
    said = slipway(sample, *arguments)
    assert (said.exit_code, told in said.stderr.text) == (code, True), said.stderr.text
    assert "Traceback" not in said.stderr.text
