"""Whatever an agent prints, and however much: a typed result, all of it kept, and memory that stays bounded."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.process import Bounds, Command, run
from infra.spool import FIRST, LAST

MOST_GROWN_MB = 64
A_LINE = 100
ROOT = Path(__file__).parents[3]


def swallowed(agent: str, kind: str, size: int, folder: Path) -> dict[str, Any]:
    """What a process of its own says of it."""
    words = (sys.executable, "-m", "tests.infra.agents.swallowing", agent, kind, str(size), str(folder))
    ended = run(Command(words, dict(os.environ), ROOT), Bounds(120.0))
    assert ended.ok, ended.stderr.text
    told: dict[str, Any] = json.loads(ended.stdout.text)
    return told


@pytest.mark.parametrize("agent", ["claude", "codex", "opencode", "gemini"])
@pytest.mark.parametrize(("kind", "size"), [("line", 100), ("nested", 2), ("calls", 4), ("binary", 3), ("chatter", 3)])
def test_whatever_is_printed_between_changes_nothing_and_memory_is_bounded(agent: str, kind: str, size: int, tmp_path: Path) -> None:
    """Proves: F53, F54, I20, 002-10."""
    told = swallowed(agent, kind, size, tmp_path)
    assert told["grown_mb"] < MOST_GROWN_MB
    assert told["failure"] is None, "it had done its work, and what came between does not hide that"
    assert told["size"] == told["kept"]["stdout"] > size * 900_000


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["claude", "command"])
def test_a_gigabyte_is_taken_in_to_its_end_and_costs_no_memory(agent: str, tmp_path: Path) -> None:
    """Captured, read, made into a transcript, masked and kept. Proves: G27, I20, 002-10, 003-31."""
    told = swallowed(agent, "printed", 1000, tmp_path)
    assert told["grown_mb"] < MOST_GROWN_MB
    assert (told["size"], told["tail"][-9:]) == (1_000_000_009, "\nthe end\n")
    assert FIRST + LAST - 2 * A_LINE < told["kept"]["stdout"] < FIRST + LAST + A_LINE
