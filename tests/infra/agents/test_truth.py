"""The truth about a failure: every class of it, as each agent tells of it, is one reason with one policy, whatever the exit code says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.agents import verdict
from infra.agents.adapter import End, Heard
from infra.agents.document import BadResult, Result
from infra.agents.table import AGENTS
from jobs import convergence
from jobs import events as e
from jobs.errors import REASONS, Class
from jobs.evidence import AgentResult, Ended, Failure
from jobs.model import Phase, Run, RunState
from jobs.phases.build import judged
from tests.fakes.engine import request, rules
from tests.infra.agents.streams import SAMPLES

Said = tuple[list[dict[str, Any]], int | None, str]
"""Events, exit code, standard error."""


def claude(status: int | None, said: str, **more: Any) -> Said:
    result = {"type": "result", "subtype": "success", "is_error": True, "api_error_status": status, "result": said, **more}
    return [{"type": "system", "subtype": "init"}, result], 1, ""


def codex(said: str) -> Said:
    return [{"type": "thread.started"}, {"type": "error", "message": said}, {"type": "turn.failed", "error": {"message": said}}], 1, ""


def opencode(status: int, said: str) -> Said:
    return [{"type": "error", "error": {"name": "APIError", "data": {"message": said, "statusCode": status}}}], 1, ""


def gemini(said: str, code: int = 1) -> Said:
    return [{"type": "init"}, {"type": "result", "status": "error", "error": {"message": said}}], code, ""


USED = {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "u", "name": "Edit", "input": {"file_path": "a"}}]}}
DENIED = {"type": "result", "subtype": "success", "is_error": False, "permission_denials": [{"tool_name": "Edit", "tool_use_id": "u"}]}
REJECTED = {"type": "tool_use", "part": {"tool": "edit", "state": {"status": "error", "error": "The user rejected permission to use it."}}}
TRUTHS: Mapping[str, Mapping[str, Said]] = {
    "provider_auth": {
        "claude": claude(401, "API Error: 401 invalid x-api-key"),
        "codex": codex("unexpected status 401 Unauthorized: Incorrect API key provided"),
        "opencode": opencode(401, "Incorrect API key provided"),
        "gemini": gemini("API key not valid. status: 401"),
    },
    "provider_rate_limited": {
        "claude": claude(429, "API Error: Request rejected (429) · rate_limit_error"),
        "codex": codex("exceeded retry limit, last status: 429 Too Many Requests"),
        "opencode": opencode(429, "Rate limit reached for requests"),
        "gemini": gemini("RESOURCE_EXHAUSTED: status: 429"),
    },
    "provider_overloaded": {
        "claude": claude(529, "Overloaded"),
        "codex": codex("unexpected status 503 Service Unavailable"),
        "opencode": opencode(503, "The server is overloaded or not ready yet."),
        "gemini": gemini("The model is overloaded. Please try again later. status: 503"),
    },
    "provider_budget": {
        "claude": claude(400, "Your credit balance is too low to access the API."),
        "codex": codex("You exceeded your current quota, please check your plan and billing details."),
        "opencode": opencode(429, "You exceeded your current quota, please check your plan and billing details."),
        "gemini": gemini("You exceeded your current quota, please check your plan. status: 429"),
    },
    "context_overflow": {
        "claude": claude(400, "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000"),
        "codex": codex("Your input exceeds the context window of this model. Please adjust your input and try again."),
        "opencode": opencode(
            400, "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens."
        ),
        "gemini": gemini("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576). status: 400"),
    },
    "budget_exhausted": {
        "claude": claude(402, "budget_exhausted"),
        "codex": codex("unexpected status 402 Payment Required: budget_exhausted"),
        "opencode": opencode(402, "budget_exhausted"),
        "gemini": gemini("budget_exhausted: status: 402"),
    },
    "turn_limit": {
        "claude": claude(None, "", subtype="error_max_turns"),
        "codex": codex("unexpected status 402 Payment Required: turn_limit: The model has answered this launch 100 times"),
        "opencode": opencode(402, '{"error":{"type":"turn_limit","message":"The model has answered this launch 100 times"}}'),
        "gemini": ([{"type": "init"}], 53, "Reached max session turns"),
    },
    "permission_refused": {
        "claude": ([USED, DENIED], 0, ""),
        "opencode": ([REJECTED, {"type": "step_finish", "part": {"reason": "tool-calls"}}], 0, "permission requested; auto-rejecting"),
        "gemini": ([], 55, "not running in a trusted directory"),
    },
    "agent_killed": dict.fromkeys(("claude", "codex", "opencode", "gemini"), ([], 143, "")),
    "agent_failed": {
        "claude": claude(None, "the stars are wrong"),
        "codex": codex("the stars are wrong"),
        "opencode": opencode(418, "teapot"),
        "gemini": gemini("odd"),
    },
}
"""Codex and opencode have no bound on turns of their own: the broker has one for them. Codex asks nobody for permission."""
BY_US = ("agent_timeout", "agent_idle", "agent_output", "agent_missing", "killed_outside", "bad_result", "unknown_decision", "no_change")
"""What no agent says of itself: it is seen from outside, and the same for all of them."""
CASES = [(code, agent, said) for code, told in TRUTHS.items() for agent, said in told.items()]
NAMED = pytest.mark.parametrize(("code", "agent", "said"), CASES, ids=[f"{code}-{agent}" for code, agent, _ in CASES])
GOES_ON = {Class.PROVIDER: e.Parked, Class.INFRASTRUCTURE: e.Parked, Class.AGENT: e.Retried, Class.USER: e.GaveUp}
"""What becomes of a run with an iteration left: put aside without losing one, another turn with what was found, or the end at once."""


def failure(agent: str, said: Said, code: int | None) -> Failure | None:
    events, _, stderr = said
    end = End(Ended.EXIT, code, stderr)
    return verdict.failure("implementer", end, AGENTS[agent].parse([json.dumps(event) for event in events], end), None)


@NAMED
def test_each_agent_s_words_come_to_the_class_of_the_failure(code: str, agent: str, said: Said) -> None:
    """Proves: F68, 003-14, 003-21, 002-21."""
    found = failure(agent, said, said[1])
    assert found is not None
    assert (found.code, bool(found.text)) == (code, True)


@NAMED
def test_exit_code_0_makes_no_success_of_it(code: str, agent: str, said: Said) -> None:
    """Proves: F68, 003-21."""
    assert failure(agent, said, 0) is not None


def next_of(found: Failure) -> e.Event:
    """What the run does after a launch that failed so, with iterations left."""
    about = (request(), rules(limits={"iterations": 3}), RunState.RUNNING)
    run = Run("ab" * 16, *about, Phase.BUILD, iteration=1, launched=True, step="code")
    failed = judged(run, AgentResult("x", Ended.EXIT, 0, failure=found))
    assert isinstance(failed, e.BuildFailed)
    after = replace(run, phase=Phase.FEEDBACK, last_result=failed.result, findings=failed.findings)
    return convergence.after_findings(after, now=0.0)


@pytest.mark.parametrize("code", [*TRUTHS, *BY_US])
def test_each_class_has_one_policy(code: str) -> None:
    """Proves: 003-23, F68."""
    assert type(next_of(Failure(code, "Why."))) is GOES_ON[REASONS[code]]


REVIEW, OK = "reviewer", Heard(summary="done")


@pytest.mark.parametrize(
    ("role", "end", "document", "code"),
    [
        ("implementer", End(Ended.TIMEOUT, None), None, "agent_timeout"),
        ("implementer", End(Ended.IDLE, None), None, "agent_idle"),
        ("implementer", End(Ended.OUTPUT, None), None, "agent_output"),
        ("implementer", End(Ended.EXIT, 127), None, "agent_missing"),
        ("implementer", End(Ended.KILLED, None, outside="The machine ran out of memory."), None, "killed_outside"),
        ("implementer", End(Ended.KILLED, None, note="It used more memory."), None, "agent_killed"),
        ("implementer", End(Ended.EXIT, 0), BadResult("it is not JSON"), "bad_result"),
        (REVIEW, End(Ended.EXIT, 0), Result(decision="perhaps"), "unknown_decision"),
        (REVIEW, End(Ended.EXIT, 0), None, "unknown_decision"),
        (REVIEW, End(Ended.EXIT, 0), Result(decision="Approve "), None),
    ],
)
def test_what_is_seen_from_outside_is_the_same_for_all(role: str, end: End, document: Result | BadResult | None, code: str | None) -> None:
    """Proves: 003-14, F50, F53, 003-22."""
    found = verdict.failure(role, end, OK, document)
    assert (found.code if found else None) == code


def test_no_reason_of_an_agent_or_its_provider_is_without_a_case() -> None:
    kinds = (Class.AGENT, Class.PROVIDER)
    assert {code for code, kind in REASONS.items() if kind in kinds} <= {*TRUTHS, *BY_US}
    assert {sample.code for sample in SAMPLES if sample.code} <= {*TRUTHS, *BY_US}
