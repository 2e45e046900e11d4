"""Ways out of a real sandbox: named hosts through the proxy, models through the broker, and nothing else."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.egress.broker import Broker, Terms
from infra.egress.hosts import Hosts
from infra.egress.providers import PROVIDERS, Upstream
from infra.egress.proxy import Proxy
from infra.egress.serving import brokered, proxied
from infra.process import Bounds, Captured
from infra.sandbox import BROKER_PORT, CHECKOUT, Bind, Bubblewrap, Confinement, Network
from jobs.errors import Fault
from tests.infra.egress.tls import Tls, tls_server

PYTHON = str(Path(sys.base_prefix).resolve() / "bin" / Path(sys.executable).resolve().name)
KEY = "the-real-key-of-the-operator"
ASK = """\
import json, sys, urllib.request, urllib.error
for url, headers, body in json.loads(sys.argv[1]):
    request = urllib.request.Request(url, data=body and body.encode(), headers=headers)
    try:
        print(urllib.request.urlopen(request, timeout=9).read().decode()[-300:].replace(chr(10), ' '))
    except urllib.error.HTTPError as error:
        print('status', error.code, error.read().decode()[:200])
    except Exception as error:
        print(type(error).__name__, str(error)[:200])
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Bubblewrap:
    made = Bubblewrap(tmp_path)
    try:
        made.probe()
    except Fault as fault:
        if os.environ.get("SLIPWAY_TEST_REQUIRE_ALL"):
            raise
        pytest.skip(f"NOT PROVEN HERE: {fault.reason.text}")
    return made


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Tls]:
    with tls_server(tmp_path) as made:
        yield made


Request = tuple[str, dict[str, str], str | None]


def asked(sandbox: Bubblewrap, tmp_path: Path, network: Network, *requests: Request, env: dict[str, str] | None = None) -> Captured:
    checkout = tmp_path / "checkout"
    checkout.mkdir(exist_ok=True)
    (checkout / "ask.py").write_text(ASK)
    mounts = (
        Bind(checkout, CHECKOUT, writable=True),
        *([Bind(tmp_path / "cert.pem", f"{CHECKOUT}/cert.pem")] if (tmp_path / "cert.pem").exists() else []),
    )
    argv = (PYTHON, "-I", "ask.py", json.dumps(requests))
    return sandbox.run(Confinement(argv, mounts, env={"SSL_CERT_FILE": f"{CHECKOUT}/cert.pem", **(env or {})}, network=network), Bounds(30))


def test_a_named_host_is_reached_through_the_proxy_and_no_other(sandbox: Bubblewrap, tmp_path: Path, outside: Tls) -> None:
    """Proves: 002-03, F62, T14."""
    here = f"api.model.test:{outside.port}"
    proxy = Proxy(Hosts((here, f"internal.test:{outside.port}")), frozenset({here}), lookup=lambda host, port: ["127.0.0.1"])
    with proxied(proxy) as socket:
        network = Network("allowlist", egress=socket)
        urls = (
            f"https://{here}/",
            f"https://other.test:{outside.port}/",
            f"https://internal.test:{outside.port}/",
            "http://169.254.169.254/",
        )
        said = asked(sandbox, tmp_path, network, *((url, {}, None) for url in urls)).stdout.text.splitlines()
    assert said[0] == "hello from outside"
    assert all("hello" not in line for line in said[1:])
    verdicts = {decision.target: decision.verdict for decision in proxy.decisions}
    assert verdicts[here] == "allowed"
    assert verdicts[f"other.test:{outside.port}"] == "denied: not on the list of hosts"
    assert verdicts[f"internal.test:{outside.port}"] == "denied: the name leads to an internal address"
    assert next(decision for decision in proxy.decisions if decision.target == here).received > 0


def test_a_server_name_that_is_another_hosts_is_cut_off(sandbox: Bubblewrap, tmp_path: Path, outside: Tls) -> None:
    """Proves: T14."""
    here = f"api.model.test:{outside.port}"
    proxy = Proxy(Hosts((here,)), frozenset({here}), lookup=lambda host, port: ["127.0.0.1"])
    fronting = (
        "import socket, ssl\n"
        "s = socket.create_connection(('127.0.0.1', 3128)); s.settimeout(9)\n"
        f"s.sendall(b'CONNECT {here} HTTP/1.1\\r\\n\\r\\n'); print(s.recv(99)[:12])\n"
        "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
        "try:\n    t = c.wrap_socket(s, server_hostname='other.test'); t.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(t.recv(99))\n"
        "except OSError as error:\n    print('cut', type(error).__name__)\n"
    )
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    with proxied(proxy) as socket:
        confinement = Confinement((PYTHON, "-I", "-c", fronting), (Bind(checkout, CHECKOUT),), network=Network("allowlist", egress=socket))
        said = sandbox.run(confinement, Bounds(30)).stdout.text
    assert "200" in said and "cut" in said
    assert proxy.decisions[0].verdict == "denied: the TLS server name is another host's"


def test_without_a_proxy_a_list_of_hosts_is_refused_and_not_ignored(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Proves: 002-03, F62."""
    with pytest.raises(Fault) as caught:
        asked(sandbox, tmp_path, Network("allowlist"))
    assert caught.value.reason.code == "sandbox_unavailable"


@dataclass
class Upstreams:
    """A provider on loopback that streams, and remembers what it was shown."""

    keys: list[str | None] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[str]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.keys.append(self.headers.get("x-api-key"))
                outer.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b'data: {"type":"message_start","message":{"usage":{"input_tokens":30,"output_tokens":1}}}\n\n')
                self.wfile.write(b'data: {"type":"message_delta","usage":{"output_tokens":12}}\n\n')

            def log_message(self, *told: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def test_the_broker_adds_the_key_counts_the_tokens_and_refuses_what_is_over_the_cap(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Proves: T13, T14, F68, 002-23."""
    upstream = Upstreams()
    with upstream.up() as url:
        broker = Broker(Upstream(PROVIDERS["anthropic"], url, KEY), "run-token", Terms(most_tokens=80))
        with brokered(broker) as socket:
            base, shown = f"http://127.0.0.1:{BROKER_PORT}", {"x-api-key": "run-token"}
            good = (f"{base}/v1/messages?beta=true", shown, "{}")
            odd = ((f"{base}/v1/files", shown, "{}"), (f"{base}/v1/messages", {"x-api-key": "guess"}, "{}"))
            env = {"NO_PROXY": "127.0.0.1"}
            captured = asked(sandbox, tmp_path, Network("deny", broker=socket), good, good, good, *odd, env=env)
    said = captured.stdout.text.splitlines()
    assert [line[:10] for line in said[2:]] == ["status 402", "status 403", "status 401"]
    assert "output_tokens" in said[0]
    assert upstream.keys == [KEY, KEY]
    assert (broker.meter.requests, broker.meter.input, broker.meter.output, broker.meter.refused) == (2, 60, 24, 3)
    assert KEY not in captured.stdout.text + captured.stderr.text


def test_a_provider_that_does_not_answer_is_an_overload_the_agent_can_understand(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Proves: F68."""
    broker = Broker(Upstream(PROVIDERS["openai"], "http://127.0.0.1:9", "sk-x"), "t")
    with brokered(broker) as socket:
        request = (f"http://127.0.0.1:{BROKER_PORT}/v1/responses", {"Authorization": "Bearer t"}, "{}")
        said = asked(sandbox, tmp_path, Network("deny", broker=socket), request, env={"NO_PROXY": "127.0.0.1"}).stdout.text
    assert said.startswith("status 529")
