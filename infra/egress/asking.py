"""What of an agent's request reaches a model provider: known headers and parameters, one JSON body, and no way through to the web.

A provider can fetch addresses and search the web in a run's place. Where a run has no open network that would be a way out: such tools are
taken out of the request, and an address that the provider would fetch is refused. Only places the provider acts upon are looked at, never
the words of a conversation. Shapes: https://docs.claude.com/en/api/messages, https://platform.openai.com/docs/api-reference,
https://ai.google.dev/api/generate-content.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode

MOST_PARTS = 4_000_000
"""Objects, lists and their items that a body may have: each costs memory long before it costs a token."""
HEADERS = frozenset((
    "accept", "content-type", "user-agent", "anthropic-version", "anthropic-beta", "anthropic-dangerous-direct-browser-access",
    "openai-beta", "originator", "session_id", "conversation_id", "version", "x-app", "x-client-request-id", "x-goog-api-client",
))  # fmt: skip
PREFIXES = ("x-stainless-",)
QUERY = frozenset(("alt", "beta", "limit", "after", "after_id", "before_id", "order", "pageSize", "pageToken", "client_version"))
LOCAL = re.compile(
    r"(?:custom|function|namespace|tool_search|local_shell|apply_patch|computer(?:_use_preview)?|bash|text_editor|memory"
    r"|tool_search_tool_(?:regex|bm25))(?:_\d{8})?"
)
"""Kinds of tools that the agent itself carries out; what is not known is taken for one the provider carries out."""
SEARCHING = re.compile(r"search|deep-research", re.IGNORECASE)
"""Models that look into the web by themselves."""
DECLARED = ("functionDeclarations", "function_declarations")
Body = dict[str, Any]


class Refusal(Exception):
    """A request the broker answers itself."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.body = json.dumps({"type": "error", "error": {"type": kind, "message": text, "code": status}}).encode()


def headers(shown: Mapping[str, str]) -> dict[str, str]:
    """The headers that go on. None of them names another account, another method or another host."""
    return {name: value for name, value in shown.items() if name in HEADERS or name.startswith(PREFIXES)}


def query(shown: str) -> str:
    """The parameters that go on."""
    return urlencode([(name, value) for name, value in parse_qsl(shown, keep_blank_values=True) if name in QUERY])


def parsed(data: bytes) -> Body:
    """The body as the one JSON object it can be read as. Raises Refusal."""
    if sum(map(data.count, (b"{", b"[", b","))) > MOST_PARTS:
        raise Refusal(413, "request_too_large", "The request has more parts than any model takes.")
    try:
        body = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "invalid_request_error", "The request is not JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_request_error", "The request is not a JSON object.")
    return body


def passed_on(provider: str, body: Body, *, web: bool) -> bytes:
    """The body as the provider gets it, written anew: nothing in it can be read in two ways.

    Without `web`, no tool of the provider's own is left and nothing in it is to be fetched. Raises Refusal.
    """
    if not web:
        body = CLOSED[provider](body)
    if provider == "openai":
        body = _counted(body)
    return json.dumps(body, separators=(",", ":")).encode()


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _counted(body: Body) -> Body:
    """A stream of chat completions says what it used only when asked to; work in the background never says it to us."""
    if body.get("background"):
        raise Refusal(403, "permission_error", "Work in the background cannot be counted, so it is not passed on.")
    if "messages" not in body or not body.get("stream"):
        return body
    options = body.get("stream_options")
    return {**body, "stream_options": {**(options if isinstance(options, dict) else {}), "include_usage": True}}


def _anthropic(body: Body) -> Body:
    if body.get("mcp_servers"):
        raise _closed("`mcp_servers`")
    for part in _parts(_contents(body.get("messages")), "content", "source"):
        if part.get("type") == "url":
            raise _closed("an address in a message")
    return _with_local_tools(body)


def _openai(body: Body) -> Body:
    if SEARCHING.search(str(body.get("model"))):
        raise _closed("a model that searches the web")
    for part in _parts([*_items(body.get("input")), *_items(body.get("messages"))], "content", "output", "image_url", "file"):
        for name in ("image_url", "file_url", "url"):
            if isinstance(part.get(name), str) and not part[name].lower().startswith("data:"):
                raise _closed("an address in a message")
    return {name: value for name, value in _with_local_tools(body).items() if name != "web_search_options"}


def _google(body: Body) -> Body:
    instructions = [body.get(name) for name in ("systemInstruction", "system_instruction")]
    for part in _parts([*_items(body.get("contents")), *_items(instructions)], "parts", "functionResponse", "function_response"):
        if "fileData" in part or "file_data" in part:
            raise _closed("an address in a message")
    tools = [{name: tool[name] for name in DECLARED if name in tool} for tool in _items(body.get("tools"))]
    kept = [tool for tool in tools if tool]
    return {**{name: value for name, value in body.items() if name != "tools"}, **({"tools": kept} if kept else {})}


CLOSED: Mapping[str, Callable[[Body], Body]] = {"anthropic": _anthropic, "openai": _openai, "google": _google}


def _closed(what: str) -> Refusal:
    text = f"This run has no open network, so {what} is not passed on: the provider would reach out for it."
    return Refusal(403, "permission_error", text)


def _with_local_tools(body: Body) -> Body:
    """Without the tools a provider carries out itself, also among those that stand in a group."""
    if "tools" not in body:
        return body
    kept = [_with_local_tools(tool) for tool in _items(body["tools"]) if LOCAL.fullmatch(str(tool.get("type") or "custom"))]
    return {**body, "tools": kept}


def _contents(messages: object) -> Iterator[Any]:
    for message in _items(messages):
        yield from _items(message.get("content"))


def _items(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parts(start: Iterable[Any], *within: str) -> Iterator[dict[str, Any]]:
    """Each part of a message, and those inside it under the names `within`."""
    left = list(start)
    while left:
        part = left.pop()
        yield part
        for name in within:
            inner = part.get(name)
            left += [inner] if isinstance(inner, dict) else _items(inner)
