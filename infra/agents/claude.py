"""Claude Code, without a person: `claude -p` with a stream of JSON events."""

from collections.abc import Iterable, Iterator
from typing import Any

from infra.agents import provider
from infra.agents.adapter import OPEN_END, End, Heard, Setting, Start, tools_of
from infra.agents.jsonl import MOST_CALLS, MOST_TARGET, amount, at, call, count, events, items, more, read, shown, target, text
from infra.agents.notes import Note, used
from jobs import budget
from jobs.evidence import Failure, Tokens
from jobs.ports import Launch

CHANGING = frozenset(("Edit", "MultiEdit", "Write", "NotebookEdit"))
WRITING = CHANGING | {"Bash"}
TARGETS = ("file_path", "path", "notebook_path", "pattern", "command", "url", "query")
LEAST_BUDGET = 0.01
MOST_TRIES = 20_000
"""Calls among which a change that was allowed is looked for."""


class Claude:
    """The adapter of Claude Code."""

    program = "claude"
    install = "npm install -g @anthropic-ai/claude-code"
    version = ("--version",)
    minimum = (2, 1, 329)
    provider = "anthropic"
    memory = "/home/agent/.claude/projects"

    def start(self, launch: Launch, setting: Setting) -> Start:
        """No settings, hooks, memory or servers of the checkout or of this machine are loaded; the sandbox is what holds it.

        `--bare` would be shorter, but takes away the tools that search and write.
        """
        tools = ",".join(tools_of(launch))
        return Start(
            (
                *setting.program.argv,
                *("-p", "--output-format", "stream-json", "--verbose"),
                *("--safe-mode", "--setting-sources", "", "--strict-mcp-config"),
                *("--permission-mode", "acceptEdits", "--permission-prompts", "none"),
                *("--tools", tools, "--allowedTools", tools),
                *("--max-turns", str(launch.run.rules.limits.turns)),
                *_budget(launch),
                *(("--model", launch.agent.model) if launch.agent.model else ()),
                *(("--resume", setting.session) if setting.session else ()),
            ),
            env={
                "ANTHROPIC_API_KEY": setting.token,
                "ANTHROPIC_BASE_URL": setting.model_url,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "CLAUDE_CODE_MAX_RETRIES": "4",
                "DISABLE_AUTOUPDATER": "1",
            },
        )

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """Success is a `result` event that is neither an error nor the end of an agent that was kept from working."""
        first: dict[str, Any] = {}
        result: dict[str, Any] | None = None
        calls: list[tuple[str, str]] = []
        for event in events(lines):
            match text(event, "type"), text(event, "subtype"):
                case "system", "init":
                    first = event
                case "assistant", _:
                    more(calls, _calls(event), MOST_TRIES)
                case "result", _:
                    result = event
        return Heard(
            failure=_failure(result, calls),
            session_id=text(result or first, "session_id") or None,
            version=text(first, "claude_code_version") or None,
            model=text(first, "model") or None,
            tokens=_tokens(result),
            cost_usd=amount(result, "total_cost_usd"),
            tool_calls=tuple(said for _, said in calls[:MOST_CALLS]),
            summary=text(result, "result"),
        )

    def notes(self, line: str) -> Iterator[Note]:
        """A message may hold several things; what a tool answered comes back as the user's."""
        event = read(line)
        match text(event, "type"), text(event, "subtype"):
            case (("assistant" | "user"), _):
                yield from (note for part in items(event, "message", "content") if (note := _note(part)))
            case "system", "api_retry":
                yield Note("error", f"{text(event, 'error') or 'the model did not answer'}; it is asked again")
            case "system", "permission_denied":
                yield Note("error", f"{text(event, 'tool_name')} was not allowed", call=text(event, "tool_use_id"))
            case "result", subtype:
                yield Note("end", subtype, failed=at(event, "is_error", of=bool) is not False)


def _note(part: object) -> Note | None:
    match text(part, "type"):
        case "text":
            return Note("message", text(part, "text"))
        case "thinking":
            return Note("thought", text(part, "thinking"))
        case "tool_use":
            return used(text(part, "name"), target(at(part, "input", of=dict), *TARGETS), text(part, "id"), changing=CHANGING)
        case "tool_result":
            content = part.get("content") if isinstance(part, dict) else None
            return Note("output", shown(content), call=text(part, "tool_use_id"), failed=at(part, "is_error", of=bool) is True)
    return None


def _budget(launch: Launch) -> tuple[str, ...]:
    """What is left of the run's own limit."""
    limit = budget.cap(launch.run).usd
    if limit is None:
        return ()
    return ("--max-budget-usd", f"{max(LEAST_BUDGET, limit - (launch.run.cost_usd or 0.0)):.2f}")


def _calls(event: dict[str, Any]) -> list[tuple[str, str]]:
    """The tool calls of one message: the id, and what was called with what."""
    uses = [part for part in items(event, "message", "content") if text(part, "type") == "tool_use"]
    return [(text(use, "id")[:MOST_TARGET], call(text(use, "name"), at(use, "input", of=dict), *TARGETS)) for use in uses]


def _tokens(result: dict[str, Any] | None) -> Tokens | None:
    """Of all models together; the plain `usage` is only of the last turns when a limit ended the work."""
    models = at(result, "modelUsage", of=dict) or {}
    if models:
        names = ("inputTokens", "cacheCreationInputTokens", "outputTokens", "cacheReadInputTokens")
        fresh, created, output, cached = (sum(count(usage, name) for usage in models.values()) for name in names)
        return Tokens(fresh + created, output, cached)
    usage = at(result, "usage", of=dict)
    if usage is None:
        return None
    fresh = count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens")
    return Tokens(fresh, count(usage, "output_tokens"), count(usage, "cache_read_input_tokens"))


def _failure(result: dict[str, Any] | None, calls: list[tuple[str, str]]) -> Failure | None:
    if result is None:
        return OPEN_END
    match text(result, "subtype"):
        case "error_max_turns":
            return Failure(*provider.TURNS)
        case "error_max_budget_usd":
            return Failure(*provider.BY_STATUS[402])
    said = text(result, "result") or "; ".join(str(error) for error in items(result, "errors"))
    if at(result, "is_error", of=bool) is not False or text(result, "subtype") != "success":
        known = provider.failure(at(result, "api_error_status", of=int), f"{text(result, 'api_error_type')} {said}")
        return known or Failure("agent_failed", f"The agent ended with an error: {said[:300] or 'it did not say which'}")
    return _refusal(result, calls)


def _refusal(result: dict[str, Any], calls: list[tuple[str, str]]) -> Failure | None:
    """An agent that was denied every change it tried has done nothing, whatever it says."""
    denied = {text(denial, "tool_use_id")[:MOST_TARGET]: text(denial, "tool_name") for denial in items(result, "permission_denials")}
    tried = [identity for identity, said in calls if said.split(" ")[0] in WRITING]
    if not denied or any(identity not in denied for identity in tried):
        return None
    named = ", ".join(sorted(set(denied.values())))
    return Failure("permission_refused", f"The agent was not allowed to use {named}. Add it to the `tools` of the step.")
