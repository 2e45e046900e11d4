"""The proxy as a client meets it that keeps to no protocol."""

import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from infra.egress.hosts import Hosts
from infra.egress.proxy import MOST_CONNECTIONS, MOST_TARGET, Proxy
from infra.egress.serving import proxied
from tests.infra.egress.tls import tls_server

TRICKS = {
    "an absolute address": b"GET http://api.test/ HTTP/1.1\r\nhost: api.test\r\n\r\n",
    "an origin form": b"GET / HTTP/1.1\r\nhost: api.test\r\n\r\n",
    "another method": b"connect api.test:443 HTTP/1.1\r\n\r\n",
    "a tab for a blank": b"CONNECT\tapi.test:443\tHTTP/1.1\r\n\r\n",
    "two blanks": b"CONNECT  api.test:443 HTTP/1.1\r\n\r\n",
    "a target of two": b"CONNECT api.test:443 evil.test:443 HTTP/1.1\r\n\r\n",
    "an address": b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n",
    "an address as one number": b"CONNECT 2130706433:443 HTTP/1.1\r\n\r\n",
    "an address of six": b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
    "an address with a zone": b"CONNECT [fe80::1%25eth0]:443 HTTP/1.1\r\n\r\n",
    "a mapped address": b"CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1\r\n\r\n",
    "a translated address": b"CONNECT [64:ff9b::7f00:1]:443 HTTP/1.1\r\n\r\n",
    "a name and a password": b"CONNECT api.test:x@evil.test:443 HTTP/1.1\r\n\r\n",
    "a path": b"CONNECT api.test:443/evil HTTP/1.1\r\n\r\n",
    "another port": b"CONNECT api.test:22 HTTP/1.1\r\n\r\n",
    "a port with a sign": b"CONNECT api.test:+443 HTTP/1.1\r\n\r\n",
    "a host beside it": b"CONNECT evil.test:443 HTTP/1.1\r\nhost: api.test:443\r\n\r\n",
    "a longer name": b"CONNECT api.test.evil.test:443 HTTP/1.1\r\n\r\n",
    "a name with a null": b"CONNECT api.test\0.evil.test:443 HTTP/1.1\r\n\r\n",
    "a name in other letters": "CONNECT аpi.test:443 HTTP/1.1\r\n\r\n".encode(),
    "nothing but a line": b"\r\n\r\n",
}


def said(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(data)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(1000):
                answer += piece
        return answer


def test_no_trick_is_looked_up_or_connected() -> None:
    """Proves: T14, F62, F98."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    proxy = Proxy(Hosts(("api.test", "*.wild.test")), lookup=lookup)
    with proxied(proxy) as path:
        answers = {name: said(path, trick)[:12] for name, trick in TRICKS.items()}
    assert {name for name, answer in answers.items() if answer not in (b"HTTP/1.1 403", b"HTTP/1.1 405")} == set()
    assert asked == []
    assert len(proxy.decisions) == len(TRICKS)
    assert all(decision.verdict.startswith("denied") for decision in proxy.decisions)


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "169.254.169.254"], ["::ffff:127.0.0.1"], ["64:ff9b::a9fe:a9fe"], []]
)
def test_a_name_that_leads_inside_with_one_of_its_addresses_is_refused(addresses: list[str]) -> None:
    """Proves: T14, F98."""
    proxy = Proxy(Hosts(("api.test",)), lookup=lambda host, port: addresses)
    with proxied(proxy) as path:
        assert said(path, b"CONNECT api.test:443 HTTP/1.1\r\n\r\n")[:12] == b"HTTP/1.1 403"
    assert [decision.verdict for decision in proxy.decisions] == ["denied: the name leads to an internal address"]


def hello(name: str) -> bytes:
    """The first a TLS client sends."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_a_greeting_in_pieces_is_read_whole_and_one_that_is_none_ends_it(tmp_path: Path, piece: int) -> None:
    """Proves: T14."""
    with tls_server(tmp_path) as outside:
        here = f"api.model.test:{outside.port}"
        proxy = Proxy(Hosts((here,)), frozenset({here}), lookup=lambda host, port: ["127.0.0.1"])
        asked = f"CONNECT {here} HTTP/1.1\r\n\r\n".encode()
        with proxied(proxy) as path, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(asked)
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            data = hello("api.model.test")
            for start in range(0, len(data), piece):
                client.sendall(data[start : start + piece])
            assert client.recv(5)[:1] == b"\x16", "the server greets back"
            client.close()
            for wrong in (b"GET / HTTP/1.1\r\n\r\n", hello("evil.test"), b"\x16\x03\x01\xff\xff", b"\x17\x03\x03\x00\x05hello"):
                assert said(path, asked + wrong).count(b"HTTP/1.1") == 1
    assert [decision.verdict for decision in proxy.decisions].count("denied: the TLS server name is another host's") == 4


def test_a_flood_is_bounded_and_what_was_asked_is_kept_short() -> None:
    """Proves: I20, F52."""
    proxy = Proxy(Hosts(("api.test",)))
    with proxied(proxy) as path, contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        assert said(path, b"CONNECT evil.test:443 HTTP/1.1\r\n\r\n")[:12] == b"HTTP/1.1 503"
        stack.close()
        assert said(path, b"CONNECT " + b"\x1b" * 50_000 + b":443 HTTP/1.1\r\n\r\n")[:12] in (b"HTTP/1.1 403", b"HTTP/1.1 503")
        assert said(path, b"x" * 100_000)[:12] in (b"", b"HTTP/1.1 503")
    assert max(len(decision.target) for decision in proxy.decisions) <= MOST_TARGET
