"""The webhook behind the real HTTP server, spoken to in bytes."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from app.webhook import Limits, Webhook
from infra.store.engine import open_store
from infra.store.inbox import SqlInbox
from tests.app.github_says import SECRET, headers
from tests.app.test_webhook import BODY, FakeBell


@contextmanager
def served(webhook: Webhook) -> Iterator[int]:
    """The port of a server that is gone afterwards."""
    app = Starlette(routes=[Route("/webhook", webhook, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SqlInbox]:
    engine = open_store(tmp_path)
    yield SqlInbox(engine)
    engine.dispose()


def head(*lines: str, **given: str) -> bytes:
    all_lines = ["POST /webhook HTTP/1.1", "host: slipway.example", *(f"{name}: {value}" for name, value in given.items()), *lines]
    return "\r\n".join([*all_lines, "", ""]).encode()


def said(port: int, *parts: bytes) -> tuple[int, bytes]:
    """What the server answers, and whether it then hangs up: everything up to the end, or to the first silence."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for part in parts:
            try:
                client.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = client.recv(65536)
    return int(answer.split()[1]), answer


def test_a_delivery_over_the_wire(inbox: SqlInbox) -> None:
    with served(Webhook([SECRET], inbox, FakeBell())) as port:
        whole = head(f"content-length: {len(BODY)}", **headers("issues", BODY, delivery="w-1")) + BODY
        status, answer = said(port, whole)
    assert status == 202
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"delivery": "w-1", "status": "accepted"}


def test_a_body_in_pieces_is_put_together(inbox: SqlInbox) -> None:
    with served(Webhook([SECRET], inbox, FakeBell())) as port:
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:])) + b"0\r\n\r\n"
        assert said(port, head("transfer-encoding: chunked", **headers("issues", BODY)), chunks)[0] == 202
    assert len(inbox.listing()) == 1


def test_a_body_without_an_end_is_cut_off(inbox: SqlInbox) -> None:
    """Proves: F11, T02."""
    with served(Webhook([SECRET], inbox, FakeBell(), limits=Limits(body=10_000))) as port:
        status, answer = said(
            port, head("transfer-encoding: chunked", **headers("issues", BODY)), *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 20
        )
    assert status == 413
    assert b"connection: close" in answer


def test_a_body_that_trickles_is_given_up(inbox: SqlInbox) -> None:
    """Proves: F11, T02."""
    with served(Webhook([SECRET], inbox, FakeBell(), limits=Limits(deadline_s=0.2))) as port:
        status, answer = said(port, head(f"content-length: {len(BODY)}", **headers("issues", BODY)), BODY[:50])
    assert status == 408
    assert b"connection: close" in answer


@pytest.mark.parametrize("extra", ["x-hub-signature-256: sha256=\x80\xff", "x-hub-signature-256: ", "x-hub-signature: sha1=00"])
def test_no_header_is_an_error_of_the_server(inbox: SqlInbox, extra: str) -> None:
    """Proves: F10."""
    unsigned = {name: value for name, value in headers("issues", BODY).items() if name != "x-hub-signature-256"}
    with served(Webhook([SECRET], inbox, FakeBell())) as port:
        raw = head(f"content-length: {len(BODY)}", **unsigned).removesuffix(b"\r\n") + extra.encode("latin-1") + b"\r\n\r\n"
        assert said(port, raw, BODY)[0] == 401
