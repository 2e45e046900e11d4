"""How long receivers that answer wait while others are dead: `python -m bench.callbacks [--receivers N --dead N --rounds N]`.

The real outbox, lanes, courier and connections; receivers on loopback. The dead ones take turns at refusing the connection,
never answering, and answering a byte at a time. `--serial` is the floor: one callback after the other, as one worker would.
"""

import argparse
import base64
import itertools
import secrets
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from app.lanes import Lanes
from app.relay import Sender
from delivery.callbacks import Callbacks
from infra.clock import SystemClock
from infra.courier import Courier
from infra.store.engine import open_store
from infra.store.outbox import SqlOutbox
from infra.store.runs import SqlRuns
from jobs.rules import CallbackRule
from tests.delivery import runs
from tests.infra.receivers import Receiver, receiver

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
EVERY_S, AFTER_S = 1.0, 20.0


@dataclass
class Seen:
    """What live receivers got, and when."""

    delays: list[float] = field(default_factory=list)
    verified: int = 0
    wrong: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, arrived: float, headers: Mapping[str, str], body: bytes) -> None:
        """One callback arrived."""
        try:
            told = Webhook(SECRET).verify(body, dict(headers))
        except WebhookVerificationError:
            told = None
        with self._lock:
            self.wrong += told is None
            if told is not None:
                self.verified += 1
                self.delays.append(arrived - made_at(told["data"]["run"]["title"]))


def made_at(title: str) -> float:
    """When a run was asked for: it is in its title."""
    return float(title.rpartition(" ")[2])


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Never answer."""
    threading.Event().wait(60)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A byte at a time."""
    with ExitStack() as quietly:
        quietly.push(lambda *_: True)
        while True:
            handler.wfile.write(b"H")
            time.sleep(1)


@contextmanager
def closed() -> Iterator[Receiver]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Receiver(port=held.getsockname()[1])


DEAD: tuple[Callable[[], object], ...] = (closed, lambda: receiver(silent), lambda: receiver(dripping))


def measured(folder: Path, given: argparse.Namespace) -> Seen:
    """Ask for a run every second, and let everybody be told."""
    seen, clock, engine = Seen(), SystemClock(), open_store(folder)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(204)
        handler.end_headers()

    with ExitStack() as open_receivers:
        living = [open_receivers.enter_context(receiver(answer)) for _ in range(given.receivers - given.dead)]
        kinds = itertools.islice(itertools.cycle(DEAD), given.dead)
        dead = [open_receivers.enter_context(kind()) for kind in kinds]  # type: ignore[arg-type]  # each is a context of a Receiver
        for there in living:
            there.taken = seen.take
        everybody = [*living, *dead]
        asking = SqlRuns(engine, messages=Callbacks(tuple(CallbackRule(url=there.url) for there in everybody)))
        outbox = SqlOutbox(engine)
        sender = Sender(outbox, Courier((SECRET,), clock, {there.address for there in everybody}), clock)
        over = threading.Event()
        thread = threading.Thread(target=_serially if given.serial else _in_lanes, args=(outbox, sender, over))
        thread.start()
        for number in range(given.rounds):
            asking.start(runs.request(intent_key=f"bench:{number}", title=f"At {clock.now()}"), runs.rules())
            time.sleep(EVERY_S)
        _await(lambda: len(seen.delays) >= given.rounds * len(living))
        over.set()
        thread.join()
    engine.dispose()
    return seen


def _in_lanes(outbox: SqlOutbox, sender: Sender, over: threading.Event) -> None:
    lanes = Lanes(outbox, sender.send, sender.clock)
    while not over.is_set():
        over.wait(lanes.fill())
    lanes.close()


def _serially(outbox: SqlOutbox, sender: Sender, over: threading.Event) -> None:
    while not over.is_set():
        for row in outbox.due(1):
            sender.send(row)


def _await(true: Callable[[], bool]) -> None:
    until = time.monotonic() + AFTER_S
    while not true() and time.monotonic() < until:
        time.sleep(0.1)


def main() -> int:
    """Measure and print; 1 when a live receiver got less than all, or something that does not verify."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=100)
    parser.add_argument("--dead", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--serial", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-callbacks-") as folder:
        seen = measured(Path(folder), given)
    due = given.rounds * (given.receivers - given.dead)
    told = sorted(seen.delays)
    print(f"{given.receivers} receivers, {given.dead} of them dead; {given.rounds} runs, one a second")
    print(f"live: {len(told)} of {due} arrived, {seen.verified} verified by the reference library, {seen.wrong} did not")
    if told:
        print(f"delay: p50 {statistics.median(told):.2f} s, p95 {told[int(0.95 * len(told))]:.2f} s, most {told[-1]:.2f} s")
    return 0 if (len(told), seen.wrong) == (due, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
