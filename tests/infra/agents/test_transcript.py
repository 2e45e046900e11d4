"""The transcript: every agent's doings in one form, masked, cut and bounded, and what is cut says so."""

import json

import pytest

from infra.agents.table import AGENTS
from infra.agents.transcript import MOST_NOTES, MOST_TEXT, transcript
from infra.outputs import Outputs
from infra.redact import Redactor
from tests.infra.agents.streams import SAMPLES, Sample
from tests.infra.agents.world import SECRET, MemoryArtifacts

EXPECTED = {
    "claude": [
        {"kind": "message", "text": "Now"}, {"kind": "tool", "text": "src/a.py", "tool": "Read", "call": "u-1"},
        {"kind": "message", "text": "Now"}, {"kind": "file", "text": "src/a.py", "tool": "Edit", "call": "u-2"},
        {"kind": "end", "text": "success"},
    ],
    "codex": [
        {"kind": "error", "text": "Unknown model: too many requests are likely"},
        {"kind": "tool", "text": "ls", "tool": "command", "call": "i"}, {"kind": "output", "text": "", "call": "i"},
        {"kind": "file", "text": "a.py", "tool": "update", "call": "i"}, {"kind": "file", "text": "b.py", "tool": "add", "call": "i"},
        {"kind": "thought", "text": "hm"}, {"kind": "message", "text": "Greets now."}, {"kind": "end", "text": "turn.completed"},
    ],
    "opencode": [
        {"kind": "file", "text": "a.py", "tool": "edit", "call": "c"}, {"kind": "message", "text": "Greets now."},
        {"kind": "end", "text": "stop"},
    ],
    "gemini": [
        {"kind": "message", "text": "Let me look."}, {"kind": "file", "text": "a.py", "tool": "replace", "call": "x"},
        {"kind": "output", "text": "", "call": "x"}, {"kind": "message", "text": "Greets now."}, {"kind": "end", "text": "success"},
    ],
}  # fmt: skip


def told(lines: list[str], agent: str) -> list[dict[str, object]]:
    outputs = Outputs(MemoryArtifacts(), Redactor([SECRET]))
    return [json.loads(line) for line in transcript(lines, AGENTS[agent], outputs)]


@pytest.mark.parametrize("agent", sorted(EXPECTED))
def test_each_agent_comes_to_the_same_form(agent: str) -> None:
    """Proves: 003-02, 003-21."""
    sample = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    assert told(sample.lines, agent) == [{"n": number, **note} for number, note in enumerate(EXPECTED[agent], 1)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.agent}-{sample.name}")
def test_of_a_stream_cut_anywhere_the_beginning_is_told(sample: Sample) -> None:
    """Proves: F54."""
    whole = told(sample.lines, sample.agent)
    for size in range(len(sample.lines)):
        cut = [*sample.lines[:size], sample.lines[size][: len(sample.lines[size]) // 2]]
        assert told(cut, sample.agent)[:-1] == whole[: max(0, len(told(cut, sample.agent)) - 1)]


def test_what_a_tool_answered_is_kept_with_its_call() -> None:
    answer = {"type": "tool_result", "tool_use_id": "u-1", "content": [{"type": "text", "text": "no such file"}], "is_error": True}
    line = json.dumps({"type": "user", "message": {"content": [answer]}})
    assert told([line], "claude") == [{"n": 1, "kind": "output", "text": "no such file", "call": "u-1", "failed": True}]


def test_secrets_are_masked_and_long_texts_cut_with_a_mark() -> None:
    """Proves: I11, T15."""
    [note] = told([f"{'x' * (MOST_TEXT - 5)}{SECRET}"], "command")
    assert len(str(note["text"])) == MOST_TEXT
    assert SECRET[:5] not in json.dumps(note)
    assert note["cut"] == len("[redacted]") - 5


def test_there_is_an_end_to_it() -> None:
    """Proves: I20, 002-10."""
    notes = told(["hello"] * (MOST_NOTES + 5), "command")
    assert len(notes) == MOST_NOTES + 1
    assert notes[-1]["kind"] == "error"
