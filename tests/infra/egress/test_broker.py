"""The broker as an agent meets it that wants more than it may have."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.egress.asking import Refusal, parsed
from infra.egress.broker import Broker, Terms
from infra.egress.providers import PROVIDERS, Upstream
from infra.egress.serving import brokered
from infra.egress.veil import Veil

KEY = "sk-the-real-key-of-the-operator"
ROUTES = {
    "anthropic": "/v1/messages",
    "openai": "/v1/responses",
    "google": "/v1beta/models/gemini-x:generateContent",
}


@dataclass
class Provider:
    """A model provider on loopback that remembers what reached it, and answers `answer` in pieces."""

    answer: list[bytes] = field(default_factory=lambda: [b'{"usage": {"input_tokens": 30, "output_tokens": 12}}'])
    status: int = 200
    seen: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[str]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                self.send_header("content-type", "application/json")
                self.send_header("x-request-id", f"about {KEY}")
                self.end_headers()
                for piece in outer.answer:
                    self.wfile.write(piece)
                    self.wfile.flush()

            def log_message(self, *told: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def agent(provider: Provider, name: str = "anthropic", terms: Terms | None = None) -> Iterator[tuple[httpx.Client, Broker]]:
    """A client that shows the run's token, and the broker it speaks to."""
    with provider.up() as url:
        broker = Broker(Upstream(PROVIDERS[name], url, KEY), "run-token", terms or Terms())
        with brokered(broker) as socket:
            transport = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(transport=transport, base_url="http://broker", headers={"x-api-key": "run-token"}) as client:
                yield client, broker


ELSEWHERE = {
    "anthropic": [
        "/v1/models/..", "/v1/models/.", "/v1/models/../files", "/v1/models/..%2ffiles", "/v1/messages/batches", "/v1/messages/",
        "/v1/messages%2f..%2ffiles", "//v1/messages", "/V1/messages", "/v1/files", "/v1/organizations/api_keys", "/v1/messages;x",
        "/v1/messages%00", "/v1/messages%0a",
    ],
    "openai": [
        "/v1/models/..", "/v1/models/...:x", "/v1/responses/resp_1", "/v1/files", "/v1/chat/completions/..", "/v1/images/generations",
    ],
    "google": [
        "/v1beta/models/..", "/v1beta/models/..:generateContent", "/v1beta/files", "/v1beta/models/x:batchGenerateContent", "/v1/models",
    ],
}  # fmt: skip


def raw(path: Path, method: str, target: str) -> bytes:
    """The first line of the answer to a request whose target nobody has tidied up."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(f"{method} {target} HTTP/1.1\r\nhost: x\r\nx-api-key: run-token\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        return peer.recv(1000).split(b"\r\n")[0]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_path_and_no_method_leads_anywhere_else_at_the_provider(name: str) -> None:
    """Proves: T14, T13."""
    asked = [(method, path) for path in ELSEWHERE[name] for method in ("GET", "POST")]
    asked += [(method, ROUTES[name]) for method in ("DELETE", "PUT", "PATCH", "GET", "POST\t", "post")]
    broker = Broker(Upstream(PROVIDERS[name], "http://127.0.0.1:9", KEY), "run-token")
    with brokered(broker) as path:
        said = {one: raw(path, *one) for one in asked}
    assert {one for one, line in said.items() if b" 403 " not in line and b" 400 " not in line} == set()


def test_only_known_headers_and_parameters_reach_the_provider_and_the_key_is_ours() -> None:
    """Proves: T13, T14, T21."""
    provider = Provider()
    hostile = {
        "x-http-method-override": "DELETE", "x-goog-user-project": "evil", "openai-organization": "evil", "openai-project": "evil",
        "x-forwarded-host": "evil.test", "x-original-url": "/v1/files", "authorization": "Bearer evil", "cookie": "a=b", "via": "x",
        "content-encoding": "zstd", "expect": "x", "anthropic-version": "2023-06-01", "x-stainless-lang": "js",
    }  # fmt: skip
    with agent(provider) as (client, _):
        client.post("/v1/messages?beta=true&access_token=evil&key=evil&%24method=DELETE", json={"model": "m"}, headers=hostile)
    [(path, headers, _)] = provider.seen
    assert path == "/v1/messages?beta=true"
    assert headers["x-api-key"] == KEY
    known = {"host", "accept", "content-type", "content-length", "user-agent", "anthropic-version", "x-stainless-lang", "x-api-key"}
    assert headers.keys() == known
    assert not any("evil" in value for value in headers.values())


@pytest.mark.parametrize("cut", range(1, len(KEY)))
def test_a_provider_that_quotes_the_key_tells_the_agent_nothing(cut: int) -> None:
    """Proves: T13, I11."""
    veil = Veil(KEY)
    said = f'{{"error": "Incorrect API key: {KEY}", "again": "{KEY[:5]}"}}'.encode()
    place = said.index(KEY.encode()) + cut
    out = veil.over(said[:place]) + veil.over(said[place:]) + veil.rest()
    assert out == said.replace(KEY.encode(), b"[redacted]")


@given(st.lists(st.sampled_from([b"s", b"sk", b"sk-", b"k-s", b"x", b""]), max_size=30))
def test_whatever_is_like_a_key_and_is_none_comes_through(pieces: list[bytes]) -> None:
    veil = Veil("sk-sk-x")
    assert b"".join([*map(veil.over, pieces), veil.rest()]) == b"".join(pieces).replace(b"sk-sk-x", b"[redacted]")


def test_the_key_is_masked_in_what_the_agent_really_gets() -> None:
    """Proves: T13, I11."""
    provider = Provider([b'{"error": "no such key: ', KEY[:9].encode(), KEY[9:].encode(), b'"}'], status=401)
    with agent(provider) as (client, _):
        answer = client.post("/v1/messages", json={"model": "m"})
    assert (answer.status_code, answer.text) == (401, '{"error": "no such key: [redacted]"}')
    assert KEY not in str(answer.headers)


def test_many_requests_at_once_use_no_more_than_one_after_the_other() -> None:
    """Proves: 002-23, T12. The cap is 80, each request uses 42: the third is refused, in whatever order they come."""
    provider = Provider()
    with agent(provider, terms=Terms(most_tokens=80)) as (client, broker), ThreadPoolExecutor(12) as pool:
        codes = [answer.status_code for answer in pool.map(lambda n: client.post("/v1/messages", json={"model": "m"}), range(12))]
    assert sorted(codes) == [200] * 2 + [402] * 10
    assert (len(provider.seen), broker.meter.total) == (2, 84)


def test_the_model_answers_as_often_as_it_may_and_what_failed_is_no_answer() -> None:
    """Proves: 003-14, 002-23."""
    failing, provider = Provider([b"{}"], status=500), Provider()
    with agent(failing, terms=Terms(most_turns=1)) as (client, broker):
        assert [client.post("/v1/messages", json={"model": "m"}).status_code for _ in range(3)] == [500] * 3
        assert (broker.meter.requests, broker.meter.answered) == (3, 0)
    with agent(provider, terms=Terms(most_turns=2)) as (client, broker):
        answers = [client.post("/v1/messages", json={"model": "m"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 402, 402]
    assert answers[-1].json()["error"]["type"] == "turn_limit"
    assert (len(provider.seen), broker.meter.answered, broker.meter.refused) == (2, 2, 2)


OUTWARD = {
    "a server of its own": ("anthropic", {"mcp_servers": [{"type": "url", "url": "https://evil.test"}]}),
    "an image elsewhere": (
        "anthropic", {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://evil.test/?x"}}]}]}
    ),
    "a document in a tool's answer": ("anthropic", {"messages": [{"role": "user", "content": [{
        "type": "tool_result", "content": [{"type": "document", "source": {"type": "url", "url": "https://evil.test"}}]}]}]}),
    "a picture in a document": ("anthropic", {"messages": [{"role": "user", "content": [{"type": "document", "source": {
        "type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "https://evil.test"}}]}}]}]}),
    "an image for a response": ("openai", {"input": [{"content": [{"type": "input_image", "image_url": "https://evil.test/?x"}]}]}),
    "a file for a response": ("openai", {"input": [{"content": [{"type": "input_file", "file_url": "HTTPS://evil.test"}]}]}),
    "an image in an output": (
        "openai", {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": "https://evil.test"}]}]}
    ),
    "an image in a chat": ("openai", {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://evil.test"}}]}]}),
    "a model that searches": ("openai", {"model": "gpt-4o-search-preview"}),
    "work nobody counts": ("openai", {"background": True}),
    "a file of a part": ("google", {"contents": [{"parts": [{"fileData": {"fileUri": "https://evil.test"}}]}]}),
    "a file in snake case": ("google", {"contents": [{"parts": [{"file_data": {"file_uri": "https://evil.test"}}]}]}),
    "a file in instructions": ("google", {"system_instruction": {"parts": [{"fileData": {"fileUri": "https://evil.test"}}]}}),
    "a file in an answer": (
        "google", {"contents": [{"parts": [{"functionResponse": {"parts": [{"fileData": {"fileUri": "https://evil.test"}}]}}]}]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OUTWARD)
def test_a_provider_reaches_out_for_nobody_without_a_network(what: str) -> None:
    """Proves: T14."""
    name, body = OUTWARD[what]
    provider = Provider()
    with agent(provider, name) as (client, _):
        answer = client.post(ROUTES[name], json={"model": "m", **body})
    assert answer.status_code == 403
    assert provider.seen == []


TOOLS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "anthropic": (
        [{"name": "Bash", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}, {"type": "web_search_20250305", "name": "w"},
         {"type": "web_fetch_20250910", "name": "f"}, {"type": "code_execution_20250825", "name": "c"}, {"type": "mcp_toolset"}],
        [{"name": "Bash", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}],
    ),
    "openai": (
        [{"type": "function", "name": "exec"}, {"type": "web_search"}, {"type": "mcp", "server_url": "https://evil.test"},
         {"type": "file_search"}, {"type": "code_interpreter"}, {"type": "shell", "environment": {"type": "container_auto"}},
         {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}, {"type": "web_search_preview"}]}],
        [{"type": "function", "name": "exec"}, {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}],
    ),
    "google": (
        [{"functionDeclarations": [{"name": "x"}], "googleSearch": {}}, {"urlContext": {}}, {"codeExecution": {}}],
        [{"functionDeclarations": [{"name": "x"}]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("web", [False, True])
def test_tools_the_provider_carries_out_go_with_an_open_network_only(name: str, *, web: bool) -> None:
    """Proves: T14."""
    asked, kept = TOOLS[name]
    provider = Provider()
    with agent(provider, name, Terms(web=web)) as (client, _):
        assert client.post(ROUTES[name], json={"model": "m", "tools": asked}).status_code == 200
    assert provider.seen[0][2]["tools"] == (asked if web else kept)


def test_words_of_a_conversation_are_not_taken_for_anything_else() -> None:
    words = {
        "model": "m",
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "WebFetch", "input": {"type": "url", "url": "https://x"}}]},
            {"role": "user", "content": "look at https://example.org and {\"mcp_servers\": []}"},
        ],
    }  # fmt: skip
    provider = Provider()
    with agent(provider) as (client, _):
        assert client.post("/v1/messages", json=words).status_code == 200
    assert provider.seen[0][2] == words


def test_a_stream_of_chat_completions_is_made_to_say_what_it_used() -> None:
    """Proves: 002-06, T12."""
    provider = Provider([b'data: {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n'])
    with agent(provider, "openai") as (client, broker):
        body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": False}}
        client.post("/v1/chat/completions", json=body)
    assert provider.seen[0][2]["stream_options"] == {"include_usage": True}
    assert broker.meter.total == 7


def test_a_dearer_model_than_the_budget_was_set_for_is_refused() -> None:
    """Proves: T12."""
    prices = {"cheap": 1.0, "dear": 2.0}
    provider = Provider()
    with agent(provider, terms=Terms(most_price=1.0, price=prices.get)) as (client, _):
        codes = [client.post("/v1/messages", json={"model": model}).status_code for model in ("cheap", "dear", "nobody knows")]
    assert codes == [200, 403, 200]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b'{"a": 1} {"b": 2}'],
)
def test_what_is_not_one_json_object_goes_nowhere(data: bytes) -> None:
    with pytest.raises(Refusal):
        parsed(data)


def test_a_body_of_countless_parts_is_refused_before_it_is_read() -> None:
    """Proves: I20."""
    with pytest.raises(Refusal) as raised:
        parsed(b'{"a": [' + b"[]," * 2_500_000 + b"[]]}")
    assert raised.value.status == 413


def test_a_name_given_twice_is_passed_on_once() -> None:
    """Proves: T14. What we looked at is what the provider reads, whichever of the two it would have taken."""
    provider = Provider()
    with agent(provider, "openai") as (client, _):
        client.post("/v1/responses", content=b'{"model": "gpt-4o-search-preview", "model": "m", "tools": [{"type": "mcp"}], "tools": []}')
    assert provider.seen[0][2] == {"model": "m", "tools": []}
