"""Codex, without a person: `codex exec --json`."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from infra.agents import provider
from infra.agents.adapter import OPEN_END, End, Heard, Setting, Start, tools_of
from infra.agents.jsonl import at, call, count, events, items, more, read, shown, text
from infra.agents.notes import Note
from infra.sandbox.confinement import CHECKOUT
from jobs.evidence import Failure, Tokens
from jobs.ports import Launch

TOKEN = "SLIPWAY_MODEL_TOKEN"  # noqa: S105 — the name of a variable


class Codex:
    """The adapter of Codex."""

    program = "codex"
    install = "npm install -g @openai/codex"
    version = ("--version",)
    minimum = (0, 169)
    provider = "openai"
    memory = "/home/agent/.codex/sessions"

    def start(self, launch: Launch, setting: Setting) -> Start:
        """Its own sandbox is off, because it cannot nest in ours; nothing of the checkout is taken for configuration."""
        url = json.dumps(f"{setting.model_url}/v1")
        served = f'{{name="slipway",base_url={url},env_key="{TOKEN}",wire_api="responses",request_max_retries=4,stream_max_retries=4}}'
        return Start(
            (
                *setting.program.argv,
                *("exec", "--json", "--color", "never", "--skip-git-repo-check"),
                *("--dangerously-bypass-approvals-and-sandbox", "--ignore-user-config", "--ignore-rules"),
                *("-c", "model_provider=slipway", "-c", f"model_providers.slipway={served}", "-c", "project_doc_max_bytes=0"),
                *("-c", f'web_search="{"live" if "WebSearch" in tools_of(launch) else "disabled"}"'),
                *(("-m", launch.agent.model) if launch.agent.model else ()),
                *("-C", CHECKOUT),
                *(("resume", setting.session) if setting.session else ()),
                "-",
            ),
            env={TOKEN: setting.token},
        )

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """Success is a `turn.completed`; without one, or with `turn.failed`, the last error says why."""
        thread, summary, calls = "", "", list[str]()
        tokens, last, said = Tokens(), "", ""
        for event in events(lines):
            match text(event, "type"):
                case "thread.started":
                    thread = text(event, "thread_id")
                case "item.completed":
                    more(calls, _calls(event))
                    summary = text(event, "item", "text") if text(event, "item", "type") == "agent_message" else summary
                case "error":
                    said = text(event, "message")
                case "turn.completed" | "turn.failed" as closing:
                    last, said = closing, text(event, "error", "message") or said
                    tokens = _sum(tokens, at(event, "usage", of=dict))
        failure = None if last == "turn.completed" else _failure(last, said, end)
        return Heard(failure, thread or None, tokens=_counted(tokens), tool_calls=tuple(calls), summary=summary)

    def notes(self, line: str) -> Iterator[Note]:
        """A command is told when it starts and again when it has answered."""
        event = read(line)
        match text(event, "type"):
            case "item.started" if text(event, "item", "type") == "command_execution":
                yield Note("tool", text(event, "item", "command"), "command", text(event, "item", "id"))
            case "item.completed":
                yield from _notes(at(event, "item", of=dict))
            case "error":
                yield Note("error", text(event, "message"))
            case "turn.failed":
                yield Note("end", text(event, "error", "message"), failed=True)
            case "turn.completed":
                yield Note("end", "turn.completed")


def _notes(item: dict[str, Any] | None) -> Iterator[Note]:
    call_id = text(item, "id")
    match text(item, "type"):
        case "agent_message":
            yield Note("message", text(item, "text"))
        case "reasoning":
            yield Note("thought", text(item, "text"))
        case "command_execution":
            yield Note("output", text(item, "aggregated_output"), call=call_id, failed=at(item, "exit_code", of=int) != 0)
        case "file_change":
            changes = items(item, "changes")
            yield from (Note("file", text(change, "path"), text(change, "kind") or "change", call_id) for change in changes)
        case "mcp_tool_call" | "web_search" as kind:
            yield Note("tool", text(item, "tool") or text(item, "query"), kind, call_id)
        case "error":
            yield Note("error", text(item, "message"))
        case "todo_list":
            yield Note("thought", shown((item or {}).get("items")))


def _calls(event: dict[str, Any]) -> list[str]:
    item = at(event, "item", of=dict)
    match text(item, "type"):
        case "command_execution":
            return [call("command", item, "command")]
        case "file_change":
            return [call(text(change, "kind") or "change", change, "path") for change in items(item, "changes")]
        case "mcp_tool_call" | "web_search" as kind:
            return [call(kind, item, "tool", "query")]
    return []


def _sum(tokens: Tokens, usage: dict[str, Any] | None) -> Tokens:
    """Input as counted includes what came from the cache."""
    cached = count(usage, "cached_input_tokens")
    fresh = max(0, count(usage, "input_tokens") - cached)
    return Tokens(tokens.input + fresh, tokens.output + count(usage, "output_tokens"), tokens.cached + cached)


def _counted(tokens: Tokens) -> Tokens | None:
    return None if tokens == Tokens() else tokens


def _failure(last: str, said: str, end: End) -> Failure:
    known = provider.failure(None, said or end.stderr)
    if known:
        return known
    if last == "turn.failed":
        return Failure("agent_failed", f"The agent ended with an error: {said[:300] or 'it did not say which'}")
    return OPEN_END
