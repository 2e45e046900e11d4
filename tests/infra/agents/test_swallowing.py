"""Whatever an agent prints, and however much: a typed result, all of it kept, and memory that stays bounded."""

import json
import os
import sys
from pathlib import Path

import pytest

from infra.process import Bounds, Command, run

MOST_GROWN_MB = 64
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("agent", "kind", "size"),
    [("claude", "line", 100), ("gemini", "nested", 2), ("codex", "calls", 4), ("opencode", "binary", 3)],
)
def test_memory_is_bounded_whatever_is_printed(agent: str, kind: str, size: int, tmp_path: Path) -> None:
    """Proves: F53, F54, I20, 002-10."""
    words = (sys.executable, "-m", "tests.infra.agents.swallowing", agent, kind, str(size), str(tmp_path))
    ended = run(Command(words, dict(os.environ), ROOT), Bounds(120.0))
    assert ended.ok, ended.stderr.text
    told = json.loads(ended.stdout.text)
    assert told["grown_mb"] < MOST_GROWN_MB
    assert told["failure"] == "agent_killed"
    assert told["size"] == told["kept"]["stdout"] > size * 900_000
