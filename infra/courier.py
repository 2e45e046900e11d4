"""Carries a callback to its receiver: signed, to a checked address, over one connection of its own, within fifteen seconds."""

import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx
from standardwebhooks import Webhook

from infra.addresses import Forbidden, Lookup, Target, lookup, target
from infra.pinned import Pinned
from jobs.ports import Clock
from jobs.text import for_log

CONNECT_S, TOTAL_S = 5.0, 15.0
MOST_ANSWER = 16 * 1024
MOST_RETRY_S = 24 * 3600.0
AGENT = "slipway-callbacks"


class Undelivered(Exception):
    """The callback did not arrive, or nobody knows; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its status, how long it asks us to wait, and the beginning of its words."""

    status: int
    retry_after: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends one callback at a time. `secrets` are one or two `whsec_…`: a receiver that knows either can verify."""

    secrets: Sequence[str] = field(repr=False)
    clock: Clock
    allow: Collection[str] = ()
    lookup: Lookup = lookup
    connect_s: float = CONNECT_S
    total_s: float = TOTAL_S
    context: ssl.SSLContext = field(default_factory=lambda: httpx.create_ssl_context(trust_env=False), repr=False)

    def post(self, message_id: str, url: str, body: bytes) -> Answer:
        """The receiver's answer, whatever its status; redirects are answers like any other.

        Raises Forbidden for a receiver that may not be sent to, or when there is no secret to sign with; Undelivered for one
        that could not be reached in time.
        """
        if not self.secrets:
            raise Forbidden("This server has no secret to sign callbacks with, and sends none unsigned. Set SLIPWAY_CALLBACK_SECRETS.")
        deadline = self.clock.monotonic() + self.total_s
        try:
            receiver = target(url, allow=self.allow, lookup=self.lookup)
        except (OSError, UnicodeError) as error:
            raise Undelivered(f"The receiver's name could not be resolved: {error}.") from error
        backend = Pinned(receiver, self.clock, connect_s=self.connect_s, deadline=deadline)
        try:
            return self._exchange(backend, receiver, self._headers(message_id, body), body)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise Undelivered(f"The receiver did not answer in time ({type(error).__name__}).") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise Undelivered(for_log(f"The connection to the receiver failed: {error}")[:500]) from error

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """The three headers of Standard Webhooks, one signature for each secret, for this very try."""
        at = datetime.fromtimestamp(int(self.clock.now()), UTC)
        signatures = [Webhook(secret).sign(message_id, at, body.decode()) for secret in self.secrets]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
            "content-type": "application/json",
            "user-agent": AGENT,
            "accept": "*/*",
            "connection": "close",
        }

    def _exchange(self, backend: Pinned, receiver: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        with httpcore.ConnectionPool(ssl_context=self.context, network_backend=backend, retries=0) as pool:
            where = httpcore.URL(scheme=receiver.scheme, host=receiver.host, port=receiver.port, target=receiver.path)
            with pool.stream("POST", where, headers=[("host", _host(receiver)), *headers.items()], content=body) as response:
                return Answer(response.status, self._asked(response), _beginning(response.iter_stream()))

    def _asked(self, response: httpcore.Response) -> float | None:
        """Seconds the receiver asks us to wait: a number or a date, never more than a day."""
        headers = {name.lower(): value for name, value in response.headers}
        told = headers.get(b"retry-after", b"").decode("latin-1").strip()
        if told.isascii() and told.isdigit():
            return min(float(told[:9]), MOST_RETRY_S)
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            return None
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(0.0, aware.timestamp() - self.clock.now()), MOST_RETRY_S)


def _host(receiver: Target) -> str:
    """The Host header as the URL has it; the port only where it is not the scheme's own."""
    host = f"[{receiver.host}]" if ":" in receiver.host else receiver.host
    usual = {"https": 443, "http": 80}[receiver.scheme]
    return host if receiver.port == usual else f"{host}:{receiver.port}"


def _beginning(chunks: Iterable[bytes]) -> str:
    said = b""
    for chunk in chunks:
        said += chunk
        if len(said) >= MOST_ANSWER:
            break
    return for_log(said[:MOST_ANSWER].decode(errors="replace"))[:500]
