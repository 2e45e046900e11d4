"""The output of agents: each sample is told right, and whatever else comes is one typed result."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.agents import verdict
from infra.agents.adapter import End, Heard
from infra.agents.table import AGENTS
from infra.outputs import lines_of
from infra.spool import Spool, captured
from jobs.errors import REASONS, Class
from jobs.evidence import Ended, Failure, Tokens
from tests.infra.agents.streams import SAMPLES, Sample

NAMED = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.agent}-{sample.name}")
MODELS = ("claude", "codex", "opencode", "gemini")


def heard(sample: Sample, lines: list[str] | None = None) -> Heard:
    end = End(sample.ended, sample.exit_code, sample.stderr)
    return AGENTS[sample.agent].parse(sample.lines if lines is None else lines, end)


@NAMED
def test_what_a_launch_came_to(sample: Sample) -> None:
    """Proves: F54, F68, 003-19, 003-21."""
    found = heard(sample)
    assert (found.failure.code if found.failure else None) == sample.code
    if sample.summary:
        assert (found.summary, found.tool_calls) == (sample.summary, sample.calls)
        assert (found.tokens, found.cost_usd) == (sample.tokens, sample.cost)
    for name, value in sample.extra.items():
        assert getattr(found, name) == value


@NAMED
def test_every_failure_is_one_that_a_run_can_carry(sample: Sample) -> None:
    failure = heard(sample).failure
    assert failure is None or (failure.code in REASONS and failure.text)


@NAMED
def test_unheard_of_events_change_nothing(sample: Sample) -> None:
    """Proves: F54."""
    strange = [
        '{"type": "from.tomorrow", "part": 5}',
        "not json",
        "[]",
        "null",
        '{"type": {"a": 1}}',
        "",
        "\ufffd\ufffd",
        '{"type":"item.completed"}',
    ]
    mixed = [line for real in sample.lines for line in (*strange, real)] + strange
    assert heard(sample, mixed) == heard(sample)


@NAMED
def test_bytes_that_are_no_text_and_lines_of_another_stream_change_nothing(sample: Sample) -> None:
    """As they come from the pipe, and cut in two wherever the reader cuts them. Proves: F54."""
    noise = b"\xff\xfe\xc3\n\x00\n[WARN] \xe2\x82 retrying\r\n{\xff}\n"
    data = b"".join(noise + line.encode() + b"\r\n" for line in sample.lines) + noise
    spool = Spool(len(data))
    for start in range(0, len(data), 7):
        spool.append(data[start : start + 7])
    assert heard(sample, list(lines_of(captured(spool, 100, 100)))) == heard(sample)


@NAMED
def test_a_stream_cut_at_any_line_or_in_it_is_never_a_success(sample: Sample) -> None:
    """Proves: F54, F68."""
    for size in range(len(sample.lines)):
        whole = sample.lines[:size]
        half = sample.lines[size][: len(sample.lines[size]) // 2]
        for lines in (whole, [*whole, half]):
            assert heard(sample, lines).failure is not None


@NAMED
def test_a_field_of_another_type_is_no_crash(sample: Sample) -> None:
    """Proves: F54."""
    for wrong in (None, 5, "x", [], {}, True, -1, 1e400, [[{}]], {"a": {"b": None}}):
        for index, event in enumerate(sample.events):
            for key in event:
                if key == "type":
                    continue
                lines = list(sample.lines)
                lines[index] = json.dumps({**event, key: wrong})
                assert isinstance(heard(sample, lines), Heard)


KEYS = st.sampled_from(["type", "item", "part", "message", "content", "usage", "error", "result", "state"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text(max_size=5)
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.lists(st.text(max_size=40) | NESTED.map(json.dumps), max_size=6), st.sampled_from(MODELS))
@settings(max_examples=300, deadline=None)
def test_anything_at_all_is_a_typed_result(lines: list[str], agent: str) -> None:
    """Proves: F54."""
    found = AGENTS[agent].parse(lines, End(Ended.EXIT, 0))
    assert found.failure is None or found.failure.code in REASONS


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_very_deep_and_very_long_lines_are_skipped_or_read(agent: str) -> None:
    """Proves: F53."""
    lines = ["[" * 100_000, '{"type":' * 50_000, '{"type": "text", "part": {"text": "' + "x" * 5_000_000 + '"}}']
    assert isinstance(AGENTS[agent].parse(lines, End(Ended.EXIT, 0)), Heard)


OK = Heard(summary="done")
OVERLOADED = Failure("provider_overloaded", "busy")


@pytest.mark.parametrize(
    ("end", "found", "code"),
    [
        (End(Ended.EXIT, 0), OK, None),
        (End(Ended.EXIT, 1), OK, "agent_failed"),
        (End(Ended.EXIT, 137), OK, "agent_killed"),
        (End(Ended.EXIT, 127), OK, "agent_missing"),
        (End(Ended.TIMEOUT, None), OK, "agent_timeout"),
        (End(Ended.IDLE, None), OK, "agent_idle"),
        (End(Ended.OUTPUT, None), OK, "agent_output"),
        (End(Ended.KILLED, None), OK, "agent_killed"),
        (End(Ended.STOPPED, None), OK, "agent_killed"),
        (End(Ended.IDLE, None), Heard(OVERLOADED), "provider_overloaded"),
        (End(Ended.TIMEOUT, None), Heard(Failure("agent_failed", "x")), "agent_timeout"),
        (End(Ended.STOPPED, None), Heard(OVERLOADED), "agent_killed"),
        (End(Ended.EXIT, 0), Heard(OVERLOADED), "provider_overloaded"),
    ],
)
def test_the_end_counts_as_well(end: End, found: Heard, code: str | None) -> None:
    """Proves: F50, F53, F54, F68."""
    failure = verdict.failure("implementer", end, found, None)
    assert (failure.code if failure else None) == code


def test_waiting_for_a_provider_is_not_held_against_the_agent() -> None:
    """Proves: F68, I06."""
    silent = next(sample for sample in SAMPLES if sample.name == "retries for ever")
    failure = verdict.failure("implementer", End(Ended.IDLE, None, silent.stderr), heard(silent), None)
    assert failure
    assert REASONS[failure.code] is Class.PROVIDER


def test_an_agent_without_its_closing_event_is_told_by_its_exit_code() -> None:
    failure = verdict.failure(
        "implementer", End(Ended.EXIT, 1, "error: unexpected argument '--x'"), AGENTS["codex"].parse([], End(Ended.EXIT, 1)), None
    )
    assert failure == Failure("agent_failed", "The agent ended with exit code 1. The last it said: error: unexpected argument '--x'")


def test_tokens_of_all_models_are_counted() -> None:
    """Proves: 003-19."""
    models = {name: {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 1} for name in ("a", "b")}
    line = json.dumps({"type": "result", "subtype": "success", "is_error": False, "modelUsage": models, "usage": {"input_tokens": 1}})
    assert AGENTS["claude"].parse([line], End(Ended.EXIT, 0)).tokens == Tokens(10, 4, 2)
