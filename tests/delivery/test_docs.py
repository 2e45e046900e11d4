"""The pages about delivery and callbacks say what the code does."""

import os
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.callbacks import TYPES, Callbacks
from delivery.progress import CONCLUSION_BY_REASON, CONCLUSIONS
from infra.clock import SystemClock
from infra.courier import Courier
from jobs import events as e
from jobs.model import FINAL
from jobs.rules import CallbackRule
from tests.delivery import runs

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "callbacks.md").read_text()
SECRET = "whsec_" + b64encode(os.urandom(32)).decode()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def printed() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The receiver of the page, as it is printed there but for its port, running."""
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert program
    port = free_port()
    env = {**os.environ, "CALLBACK_SECRET": SECRET}
    code = program[1].replace("9000", str(port))
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            SystemClock().sleep(0.05)
        yield f"127.0.0.1:{port}", running
        running.kill()


def test_the_receiver_of_the_page_works_as_it_is_printed(printed: tuple[str, "subprocess.Popen[str]"]) -> None:
    """Proves: T33, 002-21."""
    address, running = printed
    [message] = Callbacks((CallbackRule(url=f"http://{address}/"),))(runs.run(), e.Queued(), 0.0)
    for secret, status in ((SECRET, 204), ("whsec_" + b64encode(b"x" * 32).decode(), 401)):
        courier = Courier((secret,), SystemClock(), frozenset({address}))
        assert courier.post(message.id, message.url, message.body).status == status
    assert running.stdout
    assert running.stdout.readline().split() == [message.id, "run.queued", runs.run().id]


def test_the_page_names_every_type() -> None:
    told = {*TYPES.values(), "run.started", *(f"run.{state.value}" for state in FINAL)}
    assert told == set(re.findall(r"`(run\.[a-z_]+)`", PAGE.split("## What they are told")[1].split("```json")[0]))


def test_the_page_about_delivery_names_every_conclusion() -> None:
    page = (DOCS / "delivery.md").read_text()
    for conclusion in {*CONCLUSIONS.values(), *CONCLUSION_BY_REASON.values()}:
        assert f"`{conclusion}`" in page
    for code in CONCLUSION_BY_REASON:
        assert f"`{code}`" in page
