"""A model server without a model, on loopback: as four providers speak; it lets an agent write one file, then say it is done."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INPUT, OUTPUT = 1_000, 50
"""What every answer says it used."""
DONE = "I wrote the file."


@dataclass(frozen=True)
class Seen:
    """A request, with the key it was shown."""

    path: str
    key: str
    body: Mapping[str, Any]


@dataclass
class ModelServer:
    """What the model wants written, launch by launch, and what it was asked."""

    path: str
    contents: tuple[str, ...]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    said: int = 0

    @property
    def content(self) -> str:
        """What this launch is to write."""
        return self.contents[min(self.said, len(self.contents) - 1)]

    @property
    def writes(self) -> Mapping[str, Mapping[str, Any]]:
        """The call of each tool that can write a file, by the names the agents give their tools."""
        shell = f"printf '%s' '{self.content}' > '{self.path}'"
        return {
            "Write": {"file_path": self.path, "content": self.content},
            "write": {"filePath": self.path, "content": self.content},
            "write_file": {"file_path": self.path, "content": self.content},
            "exec_command": {"cmd": shell},
            "shell_command": {"command": shell},
            "bash": {"command": shell, "description": "Writes the file"},
            "shell": {"command": ["sh", "-c", shell]},
        }

    def call(self, tools: list[str], conversation: object, answered: str) -> tuple[str, Mapping[str, Any]] | None:
        """The first tool offered that can write; none once it was called (`answered` marks that) and for a request without tools.

        A conversation that is gone on with holds one call of a tool and one last word for each launch before.
        """
        words = json.dumps(conversation)
        found = next(((name, self.writes[name]) for name in tools if name in self.writes), None)
        if found and words.count(answered) > words.count(DONE):
            self.said += 1
            return None
        return found


Event = tuple[str | None, Mapping[str, Any]]


def anthropic(server: ModelServer, body: Mapping[str, Any]) -> Iterator[Event]:
    """Messages, streamed."""
    call = server.call([tool["name"] for tool in body.get("tools", ())], body["messages"], '"type": "tool_result"')
    usage = {"input_tokens": INPUT, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = {
        "id": f"msg_{len(server.seen)}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
    }
    yield "message_start", {"message": {**message, "stop_sequence": None, "usage": usage}}
    if call:
        yield (
            "content_block_start",
            {"index": 0, "content_block": {"type": "tool_use", "id": f"toolu_{len(server.seen)}", "name": call[0], "input": {}}},
        )
        yield "content_block_delta", {"index": 0, "delta": {"type": "input_json_delta", "partial_json": json.dumps(call[1])}}
    else:
        yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
        yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": DONE}}
    yield "content_block_stop", {"index": 0}
    ended = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    yield "message_delta", {"delta": ended, "usage": {"output_tokens": OUTPUT}}
    yield "message_stop", {}


def responses(server: ModelServer, body: Mapping[str, Any]) -> Iterator[Event]:
    """OpenAI's responses, streamed."""
    call = server.call([tool.get("name", "") for tool in body.get("tools", ())], body["input"], 'call_output"')
    if call:
        item = {
            "type": "function_call",
            "id": f"fc_{len(server.seen)}",
            "call_id": f"call_{len(server.seen)}",
            "name": call[0],
            "arguments": json.dumps(call[1]),
        }
    else:
        said = {"type": "output_text", "text": DONE, "annotations": []}
        item = {"type": "message", "id": f"msg_{len(server.seen)}", "role": "assistant", "status": "completed", "content": [said]}
    yield "response.created", {"response": {"id": f"resp_{len(server.seen)}", "status": "in_progress"}}
    yield "response.output_item.added", {"output_index": 0, "item": item}
    yield "response.output_item.done", {"output_index": 0, "item": item}
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    yield "response.completed", {"response": {"id": f"resp_{len(server.seen)}", "status": "completed", "output": [item], "usage": usage}}


def completions(server: ModelServer, body: Mapping[str, Any]) -> Iterator[Event]:
    """OpenAI's chat completions, streamed."""
    call = server.call([tool["function"]["name"] for tool in body.get("tools", ())], body["messages"], '"role": "tool"')
    delta: dict[str, Any] = {"role": "assistant", "content": DONE}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta = {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": f"call_{len(server.seen)}", "type": "function", "function": function}],
        }
    chunk = {"id": f"chat_{len(server.seen)}", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    yield None, {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield None, {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}]}
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    yield None, {**chunk, "choices": [], "usage": usage}


def gemini(server: ModelServer, body: Mapping[str, Any]) -> Iterator[Event]:
    """Gemini's contents, streamed."""
    tools = [one["name"] for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())]
    call = server.call(tools, body["contents"], '"functionCall"')  # an answer it repeats when it goes on
    part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": DONE}
    usage = {"promptTokenCount": INPUT, "candidatesTokenCount": OUTPUT, "totalTokenCount": INPUT + OUTPUT}
    yield (
        None,
        {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}], "usageMetadata": usage},
    )


ANSWERS: tuple[tuple[str, Callable[[ModelServer, Mapping[str, Any]], Iterator[Event]]], ...] = (
    ("/v1/messages", anthropic),
    ("/v1/responses", responses),
    ("/v1/chat/completions", completions),
    (":streamGenerateContent", gemini),
)


def lines(event: Event, path: str) -> bytes:
    """An event as it goes over the wire; Anthropic and OpenAI's responses repeat its name in the data."""
    name, data = event
    if name is None:
        return f"data: {json.dumps(data)}\n\n".encode()
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


class _Handler(BaseHTTPRequestHandler):
    """Answers as the provider of the path would."""

    models: ModelServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.partition("?")[0]
        self.models.seen.append(Seen(path, self._key(), body))
        answer = next((answer for known, answer in ANSWERS if path.endswith(known)), None)
        if answer is None:
            self._say(404, "application/json", b'{"error": {"message": "not scripted"}}')
            return
        end = b"data: [DONE]\n\n" if answer is completions else b""
        self._say(200, "text/event-stream", b"".join(lines(event, path) for event in answer(self.models, body)) + end)

    def do_GET(self) -> None:
        self._say(200, "application/json", b'{"data": [], "object": "list", "models": []}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing."""

    def _key(self) -> str:
        names = ("x-api-key", "x-goog-api-key", "authorization")
        return next((self.headers[name].removeprefix("Bearer ") for name in names if self.headers[name]), "")

    def _say(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def model_server(path: str, *contents: str) -> Iterator[ModelServer]:
    """A server whose model writes the next of `contents` to `path` in each launch, for the time of the block."""
    models = ModelServer(path, contents)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"models": models}))
    models.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield models
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
