"""Made-up output of agents, of the shape each really prints, with what it has to come to."""

import json
from dataclasses import dataclass, field
from typing import Any

from jobs.evidence import Ended, Tokens

Event = dict[str, Any]
NO_KEY = "Please run /login first"


@dataclass(frozen=True)
class Sample:
    """One launch: its lines, how it ended, and the code of its failure (None: it is believed)."""

    agent: str
    name: str
    events: tuple[Event, ...]
    code: str | None = None
    exit_code: int | None = 0
    ended: Ended = Ended.EXIT
    stderr: str = ""
    summary: str = ""
    calls: tuple[str, ...] = ()
    tokens: Tokens | None = None
    cost: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        return [json.dumps(event) for event in self.events]


def _claude_init() -> Event:
    return {"type": "system", "subtype": "init", "session_id": "s-1", "model": "opus-x", "claude_code_version": "2.2.0", "tools": ["Read"]}


def _claude_use(identity: str, name: str, **given: str) -> Event:
    use = {"type": "tool_use", "id": identity, "name": name, "input": given}
    return {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": "Now"}, use]}, "session_id": "s-1"}


def _claude_result(**changes: Any) -> Event:
    usage = {"input_tokens": 7, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 40, "output_tokens": 9}
    result = {"type": "result", "subtype": "success", "is_error": False, "result": "Greets now.", "session_id": "s-1", "usage": usage}
    return {**result, "total_cost_usd": 0.25, "permission_denials": [], **changes}


def _claude_refused(status: int | None, said: str, **changes: Any) -> tuple[Event, ...]:
    return (_claude_init(), _claude_result(is_error=True, api_error_status=status, result=said, total_cost_usd=0, **changes))


EDIT = _claude_use("u-2", "Edit", file_path="src/a.py", old_string="helo", new_string="hello")
CLAUDE = (
    Sample(
        "claude",
        "done",
        (
            {"type": "system", "subtype": "ui_invalidate"},
            _claude_init(),
            _claude_use("u-1", "Read", file_path="src/a.py"),
            EDIT,
            _claude_result(),
        ),
        summary="Greets now.",
        calls=("Read src/a.py", "Edit src/a.py"),
        tokens=Tokens(10, 9, 40),
        cost=0.25,
        extra={"session_id": "s-1", "model": "opus-x", "version": "2.2.0"},
    ),
    Sample("claude", "key refused", _claude_refused(401, "API Error: 401 no"), "provider_auth", 1),
    Sample("claude", "no key", _claude_refused(None, f"Not logged in · {NO_KEY}"), "provider_auth", 1),
    Sample("claude", "too many requests", _claude_refused(429, "API Error: Request rejected (429)"), "provider_rate_limited", 1),
    Sample("claude", "overloaded", _claude_refused(529, "Overloaded"), "provider_overloaded", 1),
    Sample("claude", "server error", _claude_refused(500, "API Error: 500"), "provider_overloaded", 1),
    Sample("claude", "no credit", _claude_refused(400, "Your credit balance is too low"), "provider_budget", 1),
    Sample("claude", "our budget", _claude_refused(402, "budget_exhausted"), "budget_exhausted", 1),
    Sample("claude", "too long", _claude_refused(400, "prompt is too long: 300000 tokens > 200000 maximum"), "context_overflow", 1),
    Sample("claude", "own error", _claude_refused(None, "Something odd"), "agent_failed", 1),
    Sample(
        "claude", "turns", (_claude_init(), EDIT, _claude_result(subtype="error_max_turns", is_error=True, result=None)), "turn_limit", 1
    ),
    Sample("claude", "own limit", (_claude_init(), _claude_result(subtype="error_max_budget_usd", is_error=True)), "budget_exhausted", 1),
    Sample("claude", "unheard-of subtype", (_claude_init(), _claude_result(subtype="error_of_tomorrow", is_error=True)), "agent_failed", 1),
    Sample(
        "claude",
        "every change denied",
        (_claude_init(), EDIT, _claude_result(permission_denials=[{"tool_name": "Edit", "tool_use_id": "u-2"}])),
        "permission_refused",
    ),
    Sample(
        "claude",
        "one change denied",
        (_claude_init(), EDIT, _claude_use("u-3", "Write", file_path="b"), _claude_result(permission_denials=[{"tool_use_id": "u-2"}])),
    ),
    Sample("claude", "ended", (_claude_init(), EDIT), "agent_killed", 143),
    Sample("claude", "silent", (), "agent_killed", 0),
)


def _item(kind: str, event: str = "item.completed", **given: Any) -> Event:
    return {"type": event, "item": {"id": "i", "type": kind, **given}}


CODEX_BEGIN: tuple[Event, ...] = (
    {"type": "thread.started", "thread_id": "t-1"},
    _item("error", message="Unknown model: too many requests are likely"),
    {"type": "turn.started"},
)
CODEX = (
    Sample(
        "codex",
        "done",
        (
            *CODEX_BEGIN,
            _item("command_execution", "item.started", command="ls", exit_code=None, status="in_progress"),
            _item("command_execution", command="ls", exit_code=0, status="completed"),
            _item("file_change", changes=[{"path": "a.py", "kind": "update"}, {"path": "b.py", "kind": "add"}], status="completed"),
            _item("reasoning", text="hm"),
            _item("agent_message", text="Greets now."),
            {"type": "turn.completed", "usage": {"input_tokens": 50, "cached_input_tokens": 40, "output_tokens": 9}},
        ),
        summary="Greets now.",
        calls=("command ls", "update a.py", "add b.py"),
        tokens=Tokens(10, 9, 40),
        extra={"session_id": "t-1"},
    ),
    *(
        Sample(
            "codex",
            f"{code}: {said[:20]}",
            (*CODEX_BEGIN, {"type": "error", "message": said}, {"type": "turn.failed", "error": {"message": said}}),
            code,
            1,
        )
        for said, code in (
            ("unexpected status 401 Unauthorized: no", "provider_auth"),
            ("exceeded retry limit, last status: 429 Too Many Requests", "provider_rate_limited"),
            ("We are experiencing high demand.", "provider_overloaded"),
            ("unexpected status 503 Service Unavailable", "provider_overloaded"),
            ("You exceeded your current quota, please check your plan", "provider_budget"),
            ("Your input exceeds the context window of this model", "context_overflow"),
            ("unexpected status 402 Payment Required: budget_exhausted", "budget_exhausted"),
            ("the stars are wrong", "agent_failed"),
        )
    ),
    Sample("codex", "ended", CODEX_BEGIN, "agent_killed", None, Ended.KILLED),
    Sample("codex", "not started", (), "agent_killed", 1, stderr="error: unexpected argument"),
)


def _part(kind: str, **given: Any) -> Event:
    return {"type": kind, "timestamp": 1, "sessionID": "o-1", "part": given}


def _step(reason: str, cost: float = 0.125) -> Event:
    return _part(
        "step_finish", reason=reason, tokens={"input": 5, "output": 4, "reasoning": 0, "cache": {"read": 20, "write": 0}}, cost=cost
    )


def _tool(name: str, **state: Any) -> Event:
    return _part("tool_use", tool=name, callID="c", state=state)


def _refused(status: int, said: str) -> tuple[Event, ...]:
    return ({"type": "error", "sessionID": "o-1", "error": {"name": "APIError", "data": {"message": said, "statusCode": status}}},)


REJECTED = _tool("edit", status="error", input={"filePath": "a.py"}, error="The user rejected permission to use this specific tool call.")
OPENCODE = (
    Sample(
        "opencode",
        "done",
        (
            _part("step_start", snapshot="x"),
            _tool("edit", status="completed", input={"filePath": "a.py"}),
            _step("tool-calls"),
            _part("text", text="Greets now."),
            _step("stop"),
        ),
        summary="Greets now.",
        calls=("edit a.py",),
        tokens=Tokens(10, 8, 40),
        cost=0.25,
        extra={"session_id": "o-1"},
    ),
    Sample("opencode", "a price nobody knows", (_part("text", text="ok"), _step("stop", cost=0)), summary="ok", tokens=Tokens(5, 4, 20)),
    Sample("opencode", "key refused", _refused(401, "no"), "provider_auth", 1),
    Sample("opencode", "too many requests", _refused(429, "slow down"), "provider_rate_limited", 1),
    Sample("opencode", "own error", _refused(418, "teapot"), "agent_failed", 1),
    Sample("opencode", "stopped at a permission", (REJECTED, _step("tool-calls")), "permission_refused", 0),
    Sample(
        "opencode",
        "said so beside the stream",
        (_step("tool-calls"),),
        "permission_refused",
        0,
        stderr="! permission requested; auto-rejecting",
    ),
    Sample("opencode", "nothing", (), "agent_killed", None, Ended.KILLED),
)


def _message(role: str, content: str) -> Event:
    return {"type": "message", "role": role, "content": content, "delta": True}


GEMINI_BEGIN: tuple[Event, ...] = ({"type": "init", "session_id": "g-1", "model": "g-pro"}, _message("user", "Greet"))
STATS = {"total_tokens": 59, "input_tokens": 50, "cached": 40, "output_tokens": 9}
GEMINI = (
    Sample(
        "gemini",
        "done",
        (
            *GEMINI_BEGIN,
            _message("assistant", "Let me look."),
            {"type": "tool_use", "tool_name": "replace", "tool_id": "x", "parameters": {"file_path": "a.py"}},
            {"type": "tool_result", "tool_id": "x", "status": "success"},
            _message("assistant", "Greets "),
            _message("assistant", "now."),
            {"type": "result", "status": "success", "stats": STATS},
        ),
        summary="Greets now.",
        calls=("replace a.py",),
        tokens=Tokens(10, 9, 40),
        extra={"session_id": "g-1", "model": "g-pro"},
    ),
    Sample("gemini", "key refused", (*GEMINI_BEGIN,), "provider_auth", 145, stderr='_ApiError: {"code":401}\n  status: 401'),
    Sample("gemini", "key refused, nothing said", (), "provider_auth", 145),
    Sample("gemini", "no way in", (), "provider_auth", 41, stderr="Invalid auth method selected."),
    Sample("gemini", "too many requests", GEMINI_BEGIN, "provider_rate_limited", 173),
    Sample("gemini", "turns", GEMINI_BEGIN, "turn_limit", 53),
    Sample("gemini", "not trusted", (), "permission_refused", 55, stderr="not running in a trusted directory"),
    Sample(
        "gemini",
        "error in the result",
        (*GEMINI_BEGIN, {"type": "result", "status": "error", "error": {"message": "odd"}}),
        "agent_failed",
        1,
    ),
    Sample("gemini", "killed politely", GEMINI_BEGIN, "agent_killed", 0),
    Sample(
        "gemini",
        "retries for ever",
        GEMINI_BEGIN,
        "provider_overloaded",
        None,
        Ended.IDLE,
        stderr="Attempt 3 failed with status 500. Retrying with backoff...",
    ),
)
SAMPLES = (*CLAUDE, *CODEX, *OPENCODE, *GEMINI)
