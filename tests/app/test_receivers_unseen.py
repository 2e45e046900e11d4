"""The address of a receiver of callbacks may be its secret: nobody is shown it, wherever they look."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog

from app.api.table import OPERATIONS
from app.dashboard.routing import PAGES
from app.relay import Sender
from infra.courier import Answer
from infra.store.outbox import SqlOutbox
from jobs.receivers import name
from tests.app import town as place
from tests.app.cli.terminal import slipway
from tests.app.town import HOOK, Town
from tests.app.web import web
from tests.fakes.engine import FakeClock

PARTS = [part for part in (*urlsplit(HOOK).path.split("/"), urlsplit(HOOK).query.partition("=")[2]) if len(part) > len("services")]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    built = place.build(tmp_path)
    yield built
    built.engine.dispose()


def _addresses(town: Town) -> list[str]:
    """Every address there is to look at, of one run where it is about one."""
    read = [f"/api/v1{operation.path}" for operation in OPERATIONS if operation.method == "GET"]
    paths = [*read, *PAGES, "/metrics", "/readyz"]
    return [path.replace("{run_id}", run) for path in paths for run in (town["succeeded"], town["queued"]) if "{name" not in path]


def test_no_page_and_no_answer_shows_the_address_of_a_receiver(town: Town) -> None:
    """Proves: T04."""
    client = web(town).client
    seen = {path: client.get(path) for path in _addresses(town)}
    assert {path: answer.status_code for path, answer in seen.items() if answer.status_code not in {200, 503}} == {}
    assert [path for path, answer in seen.items() if any(part in answer.text for part in PARTS)] == []
    assert name(HOOK) in seen["/callbacks"].text
    assert name(HOOK) in seen[f"/runs/{town['succeeded']}"].text
    (told,) = {(row["url"], row["receiver"]) for row in seen["/api/v1/callbacks"].json()["callbacks"]}
    assert told == ("https://hooks.example.org", name(HOOK))


def test_no_command_and_no_evidence_shows_the_address_of_a_receiver(town: Town, tmp_path: Path) -> None:
    """Proves: T04."""
    folder, run = tmp_path / "evidence", town["succeeded"]
    commands = (
        ("show", run), ("show", run, "--json"), ("show", run, "--evidence", str(folder)), ("events", run, "--json"), ("logs", run),
        ("callbacks", "list"), ("callbacks", "list", "--json"), ("runs", "--json"), ("invariants",), ("stats", "--json"),
    )  # fmt: skip
    said = {command: slipway(town.data, *command) for command in commands}
    assert [command for command, answer in said.items() if any(part in answer.out + answer.err for part in PARTS)] == []
    assert name(HOOK) in said["callbacks", "list"].out
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert "run.json" in {path.name for path in files}
    assert [path for path in files if any(part in path.read_text(errors="replace") for part in PARTS)] == []


class Echo:
    """A receiver that is gone, and repeats what it was asked for."""

    def post(self, message_id: str, url: str, body: bytes) -> Answer:
        return Answer(410, said=f"Nothing at {urlsplit(url).path}")


def test_neither_log_nor_store_repeats_an_address_that_a_receiver_repeats(town: Town) -> None:
    """Proves: T04."""
    outbox = SqlOutbox(town.engine)
    row = outbox.next_for(HOOK)
    assert row
    with structlog.testing.capture_logs() as lines:
        Sender(outbox, Echo(), FakeClock()).send(row)
    stored = next(kept for kept in outbox.listing(limit=1000) if kept["id"] == row)
    assert stored["state"] == "dead"
    assert lines
    assert not any(part in f"{lines} {stored['last_error']}" for part in PARTS)
