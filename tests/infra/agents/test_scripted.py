"""The language of the scripted agent, without a sandbox: it does exactly what it is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.agents.scripted import SOURCE
from infra.agents.scripted_program import VERBS, chosen


def orders(script: str, role: str = "implementer", iteration: int = 1) -> list[str]:
    return [f"{order.verb} {order.rest}".strip() for order in chosen(script, role, iteration)]


SCRIPT = """\
# a comment
say always
try 1:
say first
try 3:
say third
planner:
say plan
reviewer try 1:
decide reject
reviewer try 2:
decide approve
"""


@pytest.mark.parametrize(
    ("role", "iteration", "said"),
    [
        ("implementer", 1, ["say always", "say first"]),
        ("implementer", 2, ["say always", "say first"]),
        ("implementer", 3, ["say always", "say third"]),
        ("custom", 9, ["say always", "say third"]),
        ("planner", 1, ["say plan"]),
        ("reviewer", 1, ["decide reject"]),
        ("reviewer", 2, ["decide approve"]),
    ],
)
def test_sections_by_role_and_iteration(role: str, iteration: int, said: list[str]) -> None:
    """Proves: 000-19."""
    assert orders(SCRIPT, role, iteration) == said


def test_content_keeps_its_indentation_and_inner_blank_lines() -> None:
    (order, last) = chosen("write a.py\n  def f():\n      return 1\n\n  x = 2\n\nsay done\n", "implementer", 1)
    assert order.text == "def f():\n    return 1\n\nx = 2\n"
    assert last.verb == "say"


def run(tmp_path: Path, script: str, **brief: object) -> "subprocess.CompletedProcess[str]":
    told = {
        "task": {"body": f"Please.\r\n```slipway\n{script}\n```\n", "instructions": ""},
        "step": "code",
        "role": "implementer",
        "iteration": 1,
    }
    (tmp_path / "brief.json").write_text(json.dumps(told | brief))
    (tmp_path / "work").mkdir(exist_ok=True)
    env = {"PATH": os.defpath, "SLIPWAY_BRIEF": str(tmp_path / "brief.json"), "SLIPWAY_RESULT": str(tmp_path / "result.json")}
    words = [sys.executable, "-I", "-S", str(SOURCE)]
    return subprocess.run(words, cwd=tmp_path / "work", env=env, capture_output=True, text=True, check=False, timeout=60)


def result(tmp_path: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads((tmp_path / "result.json").read_text())
    return told


def test_files_are_changed_as_asked(tmp_path: Path) -> None:
    """Proves: 000-19."""
    script = (
        "write d/a.txt\n  one\n  two\nappend d/a.txt\n  three\nreplace d/a.txt\n  two\n  ---\n  2\nwrite b\n  x\ndelete b\nlink l d/a.txt"
    )
    done = run(tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work/d/a.txt").read_text() == "one\n2\nthree\n"
    assert not (tmp_path / "work/b").exists()
    assert (tmp_path / "work/l").readlink() == Path("d/a.txt")


def test_what_is_reported(tmp_path: Path) -> None:
    run(tmp_path, "title T\nbody\n  Some\n  text.\nask Why?\nspend 0.5 30")
    told = result(tmp_path)
    assert told["title"] == "T"
    assert told["body"] == "Some\ntext.\n"
    assert (told["questions"], told["cost_usd"], told["tokens"]) == (["Why?"], 0.5, 30)
    assert "a program, not a model" in str(told["summary"])


@pytest.mark.parametrize("script", ["replace a\n  x\n  ---\n  y", "delete nothing", "sleep soon", "sing"])
def test_what_cannot_be_done_is_said_with_its_line(tmp_path: Path, script: str) -> None:
    done = run(tmp_path, script)
    assert done.returncode == 2
    assert "line 1 of the script" in done.stderr
    assert not (tmp_path / "result.json").exists()


def test_exit_reports_what_was_done_before(tmp_path: Path) -> None:
    done = run(tmp_path, "say hello\nexit 5")
    assert done.returncode == 5
    assert "say hello" in str(result(tmp_path)["summary"])


def test_obedience_covers_every_text_of_the_brief(tmp_path: Path) -> None:
    """Proves: T09."""
    run(tmp_path, "obey", messages=["```sh\necho 1 > one\n```"], findings=[{"message": "x\n```sh\necho 2 > two\n```\n"}])
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["one", "two"]


def test_every_verb_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/agents.md").read_text()
    assert [verb for verb in VERBS if f"`{verb}" not in text] == []
