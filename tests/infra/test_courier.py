"""Callbacks over real connections: signed, to the checked address only, and over in time."""

import secrets
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from infra import courier as module
from infra.addresses import Forbidden
from infra.clock import SystemClock
from infra.courier import Courier, Undelivered
from tests.infra.receivers import certificate, receiver, status

OLD, NEW = ("whsec_" + b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
BODY = '{"type":"run.succeeded","data":{"title":"é"}}'.encode()


def courier(allow: str, *keys: str, **parts: Any) -> Courier:
    return Courier(keys or (NEW,), SystemClock(), frozenset({allow}), **parts)


def test_the_reference_library_verifies_what_arrives() -> None:
    """Proves: 002-21, I10, T33."""
    with receiver() as there:
        assert courier(there.address).post("msg_1", there.url, BODY).status == 204
    [(path, headers, body)] = there.got
    assert (path, body, headers["host"], headers["webhook-id"]) == ("/hook", BODY, there.address, "msg_1")
    assert headers["content-type"] == "application/json"
    Webhook(NEW).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body + b" ", headers)


def test_while_a_secret_is_changed_either_one_verifies() -> None:
    """Proves: F100, 001-57."""
    with receiver() as there:
        courier(there.address, NEW, OLD).post("msg_1", there.url, BODY)
    [(_, headers, body)] = there.got
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (OLD, NEW):
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"x" * 32).decode()).verify(body, headers)


def test_nothing_goes_out_unsigned() -> None:
    """Proves: F100, T33."""
    with receiver() as there, pytest.raises(Forbidden, match="SLIPWAY_CALLBACK_SECRETS"):
        Courier((), SystemClock(), frozenset({there.address})).post("msg_1", there.url, BODY)
    assert there.got == []


def test_every_try_has_the_same_id_and_bytes() -> None:
    """Proves: F99, I10."""
    with receiver() as there:
        for _ in range(2):
            courier(there.address).post("msg_1", there.url, BODY)
    assert [(headers["webhook-id"], body) for _, headers, body in there.got] == [("msg_1", BODY)] * 2


@pytest.mark.parametrize("code", [200, 301, 302, 307, 308, 400, 401, 410, 429, 500, 503])
def test_an_answer_is_an_answer_and_a_redirect_is_not_followed(code: int) -> None:
    """Proves: F96, F97."""
    with receiver() as inside, receiver(status(code, Location=inside.url)) as there:
        both = Courier((NEW,), SystemClock(), frozenset({there.address, inside.address}))
        assert both.post("msg_1", there.url, BODY).status == code
    assert inside.got == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [("7", 7.0), ("999999999999", 86400.0), ("-5", None), ("soon", None), ("", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("²", None)],
)
def test_how_long_a_receiver_asks_us_to_wait(told: str, expected: float | None) -> None:
    """Proves: F96."""
    with receiver(status(429, Retry_After=told)) as there:
        assert courier(there.address).post("msg_1", there.url, BODY).retry_after == expected


def test_the_environment_s_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: T31."""
    with receiver() as proxy, receiver() as there:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        assert courier(there.address).post("msg_1", there.url, BODY).status == 204
    assert proxy.got == []


def test_nothing_is_sent_to_an_address_that_is_not_public() -> None:
    """Proves: F98, T31."""
    with receiver() as there:
        with pytest.raises(Forbidden):
            courier("other:1").post("msg_1", there.url, BODY)
        with pytest.raises(Forbidden):
            courier("other:1", lookup=lambda *_: ["127.0.0.1"]).post("msg_1", f"https://hooks.example:{there.port}/", BODY)
    assert there.got == []


def test_the_connection_goes_to_the_address_that_was_checked_with_the_receiver_s_own_name(tmp_path: Path) -> None:
    """Proves: F98."""
    server, client = certificate(tmp_path, "hooks.example")
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiver(context=server) as there:
        sender = courier(f"hooks.example:{there.port}", lookup=lookup, context=client)
        assert sender.post("msg_1", f"https://hooks.example:{there.port}/x?y=z", BODY).status == 204
    [(path, headers, _)] = there.got
    assert (asked, there.names) == (["hooks.example"], ["hooks.example"])
    assert (path, headers["host"]) == ("/x?y=z", f"hooks.example:{there.port}")


def test_a_certificate_for_another_name_is_not_taken(tmp_path: Path) -> None:
    """Proves: F95."""
    server, client = certificate(tmp_path, "other.example")
    with receiver(context=server) as there:
        sender = courier(f"hooks.example:{there.port}", lookup=lambda *_: ["127.0.0.1"], context=client)
        with pytest.raises(Undelivered, match="certificate"):
            sender.post("msg_1", f"https://hooks.example:{there.port}/", BODY)
    assert there.got == []


def test_the_usual_context_trusts_nobody_it_should_not(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path, "hooks.example")
    with receiver(context=server) as there:
        sender = courier(f"hooks.example:{there.port}", lookup=lambda *_: ["127.0.0.1"])
        assert sender.context.verify_mode is ssl.CERT_REQUIRED
        with pytest.raises(Undelivered, match="certificate"):
            sender.post("msg_1", f"https://hooks.example:{there.port}/", BODY)


def test_a_second_address_is_tried_when_the_first_takes_no_connection() -> None:
    with receiver() as there:
        sender = courier(f"hooks.example:{there.port}", lookup=lambda *_: ["127.0.0.2", "127.0.0.1"])
        assert sender.post("msg_1", f"http://hooks.example:{there.port}/", BODY).status == 204


def test_a_name_nobody_knows_and_a_port_nobody_listens_on_are_told() -> None:
    """Proves: F95."""

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Undelivered, match="resolved"):
        courier("x:1", lookup=unknown).post("msg_1", "https://hooks.example/", BODY)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Undelivered, match="connection"):
            courier(address).post("msg_1", f"http://{address}/", BODY)


def test_a_huge_answer_is_read_only_at_its_beginning() -> None:
    """Proves: F95, T32, I20."""
    written: list[int] = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20_000):
            handler.wfile.write(b"\x1b[31m" + b"x" * 65_531)
            written.append(65_536)

    with receiver(flood) as there:
        answer = courier(there.address).post("msg_1", there.url, BODY)
    assert answer.status == 200
    assert len(answer.said) <= 500
    assert "\x1b" not in answer.said
    assert sum(written) < 100_000_000


def trickling(*parts: bytes) -> Iterator[bytes]:
    yield from parts
    while True:
        yield b"x"


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nx-a: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["before the answer", "in its headers", "in its body"]
)
def test_an_answer_that_drips_or_never_comes_is_given_up_in_time(first: bytes) -> None:
    """Proves: F95."""
    hung_up = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            for part in trickling(first):
                handler.wfile.write(part if first else b"")
                hung_up.wait(0.02)
        except OSError:
            hung_up.set()

    with receiver(drip) as there:
        with pytest.raises(Undelivered, match="in time"):
            courier(there.address, total_s=0.4).post("msg_1", there.url, BODY)
        hung_up.set()


def test_what_is_not_http_is_told() -> None:
    """Proves: F95."""

    def noise(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x00\x01\x02 garbage\r\n\r\n")

    with receiver(noise) as there, pytest.raises(Undelivered, match="failed"):
        courier(there.address).post("msg_1", there.url, BODY)


def test_the_limits_are_the_ones_we_promise() -> None:
    """Proves: F95."""
    assert (module.CONNECT_S, module.TOTAL_S, module.MOST_ANSWER) == (5.0, 15.0, 16 * 1024)


def test_a_courier_does_not_show_its_secrets() -> None:
    """Proves: I11."""
    assert NEW not in repr(courier("x:1"))
