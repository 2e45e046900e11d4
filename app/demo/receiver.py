"""The other end of a callback: receives, verifies with the reference library, remembers."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 64 * 1024
POLL_S = 0.05
"""How soon the end of the receiver is noticed."""


@dataclass(frozen=True, slots=True)
class Received:
    """A callback whose signature was right."""

    id: str
    type: str
    body: dict[str, Any]


@dataclass
class Receiver:
    """A callback receiver on loopback. Use it as a context manager; `url` is where it listens."""

    secret: str
    received: list[Received] = field(default_factory=list)
    refused: int = 0

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Where callbacks are to be sent."""
        return f"http://{self.address}/callback"

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Verify and keep; False when the signature is wrong."""
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.refused += 1
            return False
        parsed = json.loads(body)
        self.received.append(Received(headers["webhook-id"], parsed["type"], parsed))
        return True


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("content-length") or 0), MOST_BYTES)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(204 if receiver.take(self.rfile.read(size), headers) else 401)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """The story is told elsewhere."""

    return Handler
