"""Webhooks: signed as GitHub signs them, sent to the registered URL, and listed for three days."""

import hashlib
import hmac
import http.client
import json
import queue
import threading
import urllib.parse
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.github.state import App, Delivery

WINDOW_S = 3 * 86400
ANSWER_S = 10.0


def signature(secret: str, body: bytes) -> str:
    """The `X-Hub-Signature-256` of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def encoded(payload: dict[str, Any]) -> bytes:
    """A payload as it goes over the wire."""
    return json.dumps(payload, separators=(",", ":")).encode()


@dataclass
class Hooks:
    """The App's one webhook: where it goes, what went, and what came back."""

    secret: str
    app: App
    url: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    withhold: bool = False
    _queue: "queue.Queue[Delivery | None]" = field(default_factory=queue.Queue)
    _sender: threading.Thread | None = None

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """The headers GitHub sends along."""
        body = encoded(delivery.payload)
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0000000",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": str(self.app.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(self.app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": "sha1=" + hmac.new(self.secret.encode(), body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": signature(self.secret, body),
        }

    def record(self, number: int, event: str, payload: dict[str, Any], at: float) -> Delivery:
        """A new line of the delivery list, not sent yet."""
        installation, repository = payload.get("installation"), payload.get("repository")
        delivery = Delivery(
            id=number,
            guid=str(uuid.uuid4()),
            event=event,
            action=payload.get("action"),
            installation=installation["id"] if installation else None,
            repository=repository["id"] if repository else None,
            payload=payload,
            at=at,
            headers={},
        )
        delivery.headers = self.headers(delivery)
        self.deliveries.append(delivery)
        return delivery

    def again(self, number: int, first: Delivery, at: float) -> Delivery:
        """A redelivery: the same guid and payload in a new line."""
        delivery = Delivery(
            **{**vars(first), "id": number, "at": at, "redelivery": True, "status_code": 0, "answer": "", "sent": False},
        )
        self.deliveries.append(delivery)
        return delivery

    def listed(self, now: float) -> list[Delivery]:
        """What the list still shows, newest first."""
        return [d for d in reversed(self.deliveries) if d.at > now - WINDOW_S]

    def send(self, delivery: Delivery) -> Delivery:
        """POST it and write down what came back; 0 when nobody answered."""
        if self.url is None or self.withhold:
            return delivery
        parts = urllib.parse.urlsplit(self.url)
        link = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=ANSWER_S)
        try:
            link.request("POST", parts.path or "/", encoded(delivery.payload), delivery.headers)
            answer = link.getresponse()
            delivery.answer = answer.read().decode(errors="replace")
            delivery.status_code = answer.status
        except (OSError, http.client.HTTPException):
            delivery.status_code = 0
        finally:
            link.close()
        delivery.sent = True
        return delivery

    def send_later(self, delivery: Delivery) -> None:
        """Send from a thread of its own: for what happens while the service waits for an answer of the API."""
        if self._sender is None:
            self._sender = threading.Thread(target=self._drain, daemon=True, name="fake-github-hooks")
            self._sender.start()
        self._queue.put(delivery)

    def settle(self) -> None:
        """Return when everything handed to `send_later` has been sent."""
        self._queue.join()

    def close(self) -> None:
        """Stop the sending thread."""
        if self._sender is not None:
            self._queue.put(None)
            self._sender.join()
            self._sender = None

    def _drain(self) -> None:
        while (delivery := self._queue.get()) is not None:
            self.send(delivery)
            self._queue.task_done()
        self._queue.task_done()
