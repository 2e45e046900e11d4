"""opencode, without a person: `opencode run --format json`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.agents import provider
from infra.agents.adapter import OPEN_END, End, Heard, Setting, Start, tools_of
from infra.agents.jsonl import amount, at, call, count, events, more, read, target, text
from infra.agents.notes import Note, used
from jobs.evidence import Failure, Tokens
from jobs.ports import Launch

MODEL = "gpt-5"
TOOLS: Mapping[str, str] = {
    "Read": "read", "Grep": "grep", "Glob": "glob", "Edit": "edit", "Write": "edit", "Bash": "bash", "WebFetch": "webfetch",
    "WebSearch": "websearch",
}  # fmt: skip
"""The permission each tool of the configuration is; everything else is denied. Editing and writing are one."""
TARGETS = ("filePath", "path", "pattern", "command", "url")
CHANGING = frozenset(("edit", "write", "patch", "multiedit"))
REJECTED = "rejected permission"


class Opencode:
    """The adapter of opencode."""

    program = "opencode"
    install = "npm install -g opencode-ai"
    version = ("--version",)
    minimum = (1, 18, 33)
    provider = "openai"
    memory = "/home/agent/.local/share/opencode"

    def start(self, launch: Launch, setting: Setting) -> Start:
        """Configured by one variable that outranks every file; files of the checkout are not read at all."""
        resumed = ("--session", setting.session) if setting.session else ()
        model = (launch.agent.model or MODEL).rpartition("/")[2]
        return Start(
            (*setting.program.argv, "run", "--format", "json", "--model", f"slipway/{model}", "--auto", *resumed),
            env={
                "OPENCODE_CONFIG_CONTENT": json.dumps(_config(launch, setting, model)),
                "OPENCODE_DISABLE_AUTOUPDATE": "1",
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                "OPENCODE_DISABLE_PROJECT_CONFIG": "true",
            },
        )

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """Success is a last step that finished with `stop`: this program has no closing event."""
        session, summary, said, calls = "", "", "", list[str]()
        tokens, cost, reason, error, refused = Tokens(), 0.0, "", None, False
        for event in events(lines):
            session = text(event, "sessionID") or session
            match text(event, "type"):
                case "tool_use":
                    more(calls, [call(text(event, "part", "tool"), at(event, "part", "state", "input", of=dict), *TARGETS)])
                    refused = REJECTED in text(event, "part", "state", "error") or refused
                case "text":
                    summary = text(event, "part", "text")
                case "step_finish":
                    reason = text(event, "part", "reason")
                    tokens = _sum(tokens, at(event, "part", "tokens", of=dict))
                    cost += amount(event, "part", "cost") or 0.0
                case "error":
                    error, said = event, text(event, "error", "data", "message") or text(event, "error", "name")
        failure = None if reason == "stop" and error is None else _failure(error, said, end, refused=refused)
        counted = None if tokens == Tokens() else tokens
        return Heard(failure, session or None, tokens=counted, cost_usd=cost or None, tool_calls=tuple(calls), summary=summary)

    def notes(self, line: str) -> Iterator[Note]:
        """A tool is told with its answer, once it has one."""
        event = read(line)
        match text(event, "type"):
            case "tool_use":
                yield from _notes(at(event, "part", of=dict))
            case "text":
                yield Note("message", text(event, "part", "text"))
            case "reasoning":
                yield Note("thought", text(event, "part", "text"))
            case "error":
                yield Note("error", text(event, "error", "data", "message") or text(event, "error", "name"))
            case "step_finish" if text(event, "part", "reason") != "tool-calls":
                yield Note("end", text(event, "part", "reason"))


def _notes(part: dict[str, Any] | None) -> Iterator[Note]:
    state, call_id = at(part, "state", of=dict), text(part, "callID")
    yield used(text(part, "tool"), target(at(state, "input", of=dict), *TARGETS), call_id, changing=CHANGING)
    answer = text(state, "error") or text(state, "output")
    if answer:
        yield Note("output", answer, call=call_id, failed=text(state, "status") == "error")


def _config(launch: Launch, setting: Setting, model: str) -> dict[str, Any]:
    options = {"baseURL": f"{setting.model_url}/v1", "apiKey": setting.token}
    served = {"npm": "@ai-sdk/openai-compatible", "name": "slipway", "options": options, "models": {model: {}}}
    permission = {"*": "deny", **dict.fromkeys(sorted({TOOLS[tool] for tool in tools_of(launch)}), "allow")}
    return {"share": "disabled", "autoupdate": False, "provider": {"slipway": served}, "permission": permission}


def _sum(tokens: Tokens, used: dict[str, Any] | None) -> Tokens:
    return Tokens(tokens.input + count(used, "input"), tokens.output + count(used, "output"), tokens.cached + count(used, "cache", "read"))


def _failure(error: dict[str, Any] | None, said: str, end: End, *, refused: bool) -> Failure:
    if error is not None:
        known = provider.failure(at(error, "error", "data", "statusCode", of=int), said)
        return known or Failure("agent_failed", f"The agent ended with an error: {said[:300] or 'it did not say which'}")
    if refused or "auto-rejecting" in end.stderr:
        return Failure("permission_refused", "The agent stopped where a tool was not allowed. Add it to the `tools` of the step.")
    return OPEN_END
