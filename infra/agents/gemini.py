"""Gemini CLI, without a person: `gemini -o stream-json`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.agents import provider
from infra.agents.adapter import OPEN_END, End, Heard, Setting, Start, tools_of
from infra.agents.jsonl import at, call, count, events, more, read, target, text
from infra.agents.notes import MOST_JOINED, Note, used
from jobs.evidence import Failure, Tokens
from jobs.ports import Launch

SETTINGS = "/home/agent/.gemini/settings.json"
TOOLS: Mapping[str, tuple[str, ...]] = {
    "Read": ("read_file", "read_many_files"),
    "Grep": ("grep_search", "search_file_content"),
    "Glob": ("glob", "list_directory"),
    "Edit": ("replace",),
    "Write": ("write_file",),
    "Bash": ("run_shell_command",),
    "WebFetch": ("web_fetch",),
    "WebSearch": ("google_web_search",),
}
"""What the tools of the configuration are called here; no others are offered to the model."""
EDITORS = frozenset(("replace", "write_file"))
TARGETS = ("file_path", "path", "pattern", "command", "query", "url")
BY_EXIT = {
    41: Failure(*provider.BY_STATUS[401]),
    53: Failure(*provider.TURNS),
    55: Failure("permission_refused", "The agent does not trust the checkout. Update it: this server starts it with --skip-trust."),
    401 & 0xFF: Failure(*provider.BY_STATUS[401]),
    403 & 0xFF: Failure(*provider.BY_STATUS[403]),
    429 & 0xFF: Failure(*provider.BY_STATUS[429]),
    500 & 0xFF: Failure(*provider.BY_STATUS[529]),
    503 & 0xFF: Failure(*provider.BY_STATUS[529]),
}
"""Exit codes of its own, and the low bytes in which an HTTP status of the model leaves it."""


class Gemini:
    """The adapter of Gemini CLI."""

    program = "gemini"
    install = "npm install -g @google/gemini-cli"
    version = ("--version",)
    minimum = (0, 61)
    provider = "google"
    memory = "/home/agent/.gemini/tmp"

    def start(self, launch: Launch, setting: Setting) -> Start:
        """Its settings are ours. Those of a checkout would outrank them, so no checkout shows any (`jobs.agent_files.WITHHELD`)."""
        return Start(
            (
                *setting.program.argv,
                *("--skip-trust", "--approval-mode", "yolo", "-o", "stream-json", "-e", "none"),
                *(("-m", launch.agent.model) if launch.agent.model else ()),
                *(("--resume", setting.session) if setting.session else ()),
            ),
            env={
                "GEMINI_API_KEY": setting.token,
                "GOOGLE_GEMINI_BASE_URL": setting.model_url,
            },
            files={SETTINGS: json.dumps(_settings(launch))},
        )

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """Success is a `result` with the status `success`; exit code 0 alone is also what a killed one leaves with."""
        first: dict[str, Any] = {}
        result: dict[str, Any] | None = None
        calls: list[str] = []
        said = ""
        for event in events(lines):
            match text(event, "type"):
                case "init":
                    first = event
                case "tool_use":
                    more(calls, [call(text(event, "tool_name"), at(event, "parameters", of=dict), *TARGETS)])
                    said = ""
                case "message" if text(event, "role") == "assistant":
                    said = (said + text(event, "content"))[:MOST_JOINED]
                case "result":
                    result = event
        return Heard(
            failure=_failure(result, end),
            session_id=text(first, "session_id") or None,
            model=text(first, "model") or None,
            tokens=_tokens(at(result, "stats", of=dict)),
            tool_calls=tuple(calls),
            summary=said,
        )

    def notes(self, line: str) -> Iterator[Note]:
        """Its messages come in pieces."""
        event = read(line)
        match text(event, "type"):
            case "message" if text(event, "role") == "assistant":
                yield Note("message", text(event, "content"), piece=at(event, "delta", of=bool) is True)
            case "tool_use":
                parameters = at(event, "parameters", of=dict)
                yield used(text(event, "tool_name"), target(parameters, *TARGETS), text(event, "tool_id"), changing=EDITORS)
            case "tool_result":
                answer, failed = text(event, "error", "message") or text(event, "output"), text(event, "status") != "success"
                yield Note("output", answer, call=text(event, "tool_id"), failed=failed)
            case "error":
                yield Note("error", text(event, "message"))
            case "result":
                status = text(event, "status")
                yield Note("end", text(event, "error", "message") or status, failed=status != "success")


def _settings(launch: Launch) -> dict[str, Any]:
    return {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "tools": {"core": sorted(name for tool in tools_of(launch) for name in TOOLS[tool])},
        "model": {"maxSessionTurns": launch.run.rules.limits.turns},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "mcp": {"allowed": []},
        "hooksConfig": {"enabled": False},
    }


def _tokens(stats: dict[str, Any] | None) -> Tokens | None:
    if stats is None:
        return None
    cached = count(stats, "cached")
    return Tokens(max(0, count(stats, "input_tokens") - cached), count(stats, "output_tokens"), cached)


def _failure(result: dict[str, Any] | None, end: End) -> Failure | None:
    if text(result, "status") == "success":
        return None
    said = text(result, "error", "message")
    known = provider.failure(None, said or _reported(end.stderr)) if said or end.exit_code != 0 else None
    known = known or BY_EXIT.get(end.exit_code or 0)
    if known:
        return known
    if result is not None:
        return Failure("agent_failed", f"The agent ended with an error: {said[:300] or 'it did not say which'}")
    return OPEN_END


def _reported(stderr: str) -> str:
    """The last the error stream says about the model; the rest of it is chatter."""
    start = max(stderr.rfind(mark) for mark in ("failed with status", "_ApiError", '"error"'))
    return stderr[start : start + 400] if start >= 0 else ""
