"""`slipway run` on a repository of this machine, as a person starts it: a process, its words and its exit code."""

import hashlib
import json
import shutil
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
    shutil.rmtree(sample.data)
    told = slipway(sample, "show", run["id"][:8], "--repo", ".")
    assert told.ok, told.stderr.text
    for line in (f"● delivered  {TITLE}", f"branch     {run['delivery']['branch']} at {run['delivery']['sha']}", "✓ tests"):
        assert line in told.stdout.text
    assert json.loads(slipway(sample, "show", run["id"], "--repo", ".", "--json").stdout.text)["sha"] == run["delivery"]["sha"]
    assert not sample.data.exists()


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
        (("run", "--title", ""), 2, "The task needs a title"),
        (("run", "--title", "x", "--flow", "nope"), 1, "There is no flow 'nope'. Name one of: implement, fix, plan, review."),
        (("run", "--title", "x", "--repo", ".."), 1, "is not in a git repository"),
        (("run", "--title", "x", "--base", "nope"), 1, "no commit on a branch 'nope'"),
        (("run", "--title", "x", "--agent", "gpt"), 2, "'gpt' is not one of"),
        (("run", "--title", "x", "--agent", "command"), 1, "The agent 'command' cannot be used here. Use one of claude, codex, opencode,"),
        (("run", "--title", "x", "--body", "no script here"), 1, "slipway show"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_the_exit_code(sample: Sample, arguments: tuple[str, ...], code: int, told: str) -> None:
    """Proves: 001-34, 001-55."""
    said = slipway(sample, *arguments)
    assert (said.exit_code, told in said.stderr.text) == (code, True), said.stderr.text
    assert "Traceback" not in said.stderr.text


def test_the_evidence_of_a_run_is_one_folder_that_explains_it(sample: Sample, tmp_path: Path) -> None:
    """Proves: 003-01, 003-14, I09."""
    run = json.loads(slipway(sample, "run", "--issue", "../issue.md", "--json").stdout.text)
    said = slipway(sample, "show", run["id"], "--evidence", "../evidence")
    assert said.ok, said.stderr.text
    folder = tmp_path / "evidence"
    story = (folder / "story.txt").read_text()
    assert "● succeeded" in story and "tests" in story and "Not to be had" not in story
    assert json.loads((folder / "run.json").read_text())["id"] == run["id"]
    assert len((folder / "events.jsonl").read_text().splitlines()) == len((folder / "events.txt").read_text().splitlines()) > 10
    kept = {path.name for path in (folder / "artifacts").iterdir()}
    turn = {f"1-code-{n}.{what}" for n in (1, 2) for what in ("brief.json", "prompt", "stdout", "diff", "tests")}
    assert kept >= turn
    assert json.loads((folder / "artifacts" / "1-code-2.brief.json").read_text())["findings"]
    assert "Greet people in French" in (folder / "artifacts" / "1-code-1.prompt").read_text()
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    again = slipway(sample, "show", run["id"], "--evidence", "../evidence")
    assert (again.exit_code, "is not an empty folder" in again.stderr.text) == (1, True)
