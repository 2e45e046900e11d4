"""`python -m tests.faults.callback_weather --callbacks N --seed S`: callbacks with a fault in each.

Every callback meets faults of its receiver or of ourselves, is tried by the schedule while time passes, and arrives at the end:
at least once, always with the same id and bytes, always verified by the reference library.
"""

import argparse
import base64
import random
import secrets
import socket
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from app.relay import Sender
from delivery.callbacks import Callbacks
from infra.clock import SystemClock
from infra.courier import Courier
from infra.store.engine import open_store
from infra.store.outbox import LEASE_S, SqlOutbox
from infra.store.runs import SqlRuns
from jobs.rules import CallbackRule
from tests.delivery import runs
from tests.fakes.engine import FakeClock
from tests.fakes.forge import Breaks, Crash
from tests.infra.receivers import TAKEN, Answering, receiver, status

OLD, NEW = ("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
TOTAL_S = 0.3
MOST_TRIES = 12


def cut(handler: BaseHTTPRequestHandler) -> None:
    """The connection is reset without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def silent(handler: BaseHTTPRequestHandler) -> None:
    """No answer in time."""
    threading.Event().wait(2 * TOTAL_S)


def noise(handler: BaseHTTPRequestHandler) -> None:
    """Not HTTP."""
    handler.wfile.write(b"\x00\x01\r\n\r\n")


ANSWERS: Mapping[str, Answering] = {
    "400": status(400), "401": status(401), "404": status(404), "429": status(429, Retry_After="90"), "500": status(500),
    "502": status(502), "503": status(503, Retry_After="soon"), "redirect": status(307, Location="http://127.0.0.1:1/"),
    "cut": cut, "silent": silent, "noise": noise,
}  # fmt: skip
OURS = ("crash after sending", "crash before sending", "bad record")
"""What goes wrong on our side: a death between two steps, and a record that could not be written."""


@dataclass
class Weather:
    """A receiver that answers as it is told for each callback, and what came of each."""

    dice: random.Random
    planned: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    got: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    unverified: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """The next answer for this callback."""
        left = self.planned[str(handler.headers["webhook-id"])]
        (ANSWERS[left.pop(0)] if left else TAKEN)(handler)

    def take(self, arrived: float, headers: Mapping[str, str], body: bytes) -> None:
        """A callback arrived: either secret has to verify it."""
        self.got[headers["webhook-id"]].add(body)
        for secret in (OLD, NEW):
            try:
                Webhook(secret).verify(body, dict(headers))
            except WebhookVerificationError:
                self.unverified += 1

    def plan(self, row_id: str) -> str:
        """Faults for a callback; what of ours goes wrong at its first try, if anything."""
        ours = self.dice.choice([*OURS, *[""] * len(OURS)])
        theirs = [self.dice.choice([*ANSWERS]) for _ in range(self.dice.randrange(0 if ours else 1, 3))]
        self.planned[row_id] = theirs
        self.faults.update([*theirs, *filter(None, [ours])])
        return ours


def campaign(folder: Path, callbacks: int, seed: int) -> tuple[Weather, list[str]]:
    """Send that many, and say what is wrong."""
    weather, clock = Weather(random.Random(seed)), FakeClock(SystemClock().now())
    engine = open_store(folder, clock=clock)
    outbox = SqlOutbox(engine)
    with receiver(weather.answer) as there:
        there.taken = weather.take
        asking = SqlRuns(engine, messages=Callbacks((CallbackRule(url=there.url),)))
        courier = Courier((NEW, OLD), SystemClock(), {there.address}, total_s=TOTAL_S)
        wrong = []
        for number in range(callbacks):
            run, _ = asking.start(runs.request(intent_key=f"weather:{number}"), runs.rules())
            row_id = outbox.listing(run_id=run.id)[0]["id"]
            wrong += _sent(Sender(outbox, courier, clock), clock, run.id, weather.plan(row_id))
    engine.dispose()
    wrong += [f"{row_id} arrived with {len(bodies)} different bodies" for row_id, bodies in weather.got.items() if len(bodies) != 1]
    wrong += [f"{callbacks - len(weather.got)} never arrived"] if len(weather.got) != callbacks else []
    return weather, wrong + ([f"{weather.unverified} could not be verified"] if weather.unverified else [])


BREAKS: Mapping[str, Callable[[], Breaks]] = {
    "crash before sending": lambda: Breaks(0, "after", Crash),
    "crash after sending": lambda: Breaks(1, "before", Crash),
    "bad record": lambda: Breaks(1, "before", lambda: ConnectionError("the store does not answer")),
    "": Breaks,
}


def _sent(sender: Sender, clock: FakeClock, run_id: str, ours: str) -> list[str]:
    """Try until it has arrived, as its schedule says."""
    outbox, breaks = sender.outbox, BREAKS[ours]()
    (row,) = outbox.listing(run_id=run_id)
    for _ in range(MOST_TRIES):
        try:
            replace(sender, outbox=breaks.door(outbox)).send(row["id"])
        except (Crash, ConnectionError):
            clock.at += LEASE_S + 1
        breaks = Breaks()
        (row,) = outbox.listing(run_id=run_id)
        if row["state"] == "sent":
            return []
        clock.at = max(clock.at, row["next_at"]) + 100
    return [f"{row['id']} is {row['state']} ({row['last_error']})"]


def main() -> int:
    """Play, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="slipway-callbacks-") as folder:
        weather, wrong = campaign(Path(folder), given.callbacks, given.seed)
    print(", ".join(f"{fault} {count}" for fault, count in sorted(weather.faults.items())))
    print(f"{len(weather.got)} callbacks arrived, {len(wrong)} things wrong", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
