"""Artifacts keep within their room: it is warned before it is full, and then the longest unread go, never what is needed."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from app.api.metrics import exposition
from infra.artifact_room import REMEDY, Room, crowded, taken
from infra.artifacts import FileArtifacts
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.rooms import BELIEVED_S, SqlRooms
from infra.store.runs import SqlRuns
from infra.store.schema import artifact, host_room
from tests.infra.store.asked import WHOLE, start, walk

SIZE = 10_000
NAMES = ("oldest", "old", "pinned", "young", "active")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_store(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def runs(engine: sa.Engine, tmp_path: Path) -> dict[str, str]:
    """The ids of five runs by name, each with an artifact of its own; the last one is not over."""
    ledger, kept = SqlLedger(engine), FileArtifacts(engine, tmp_path / "artifacts")
    found = {name: start(engine, name, number=n).id for n, name in enumerate(NAMES)}
    for _ in NAMES[:-1]:
        walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    SqlRuns(engine).pin(found["pinned"])
    for age, name in enumerate(NAMES):
        kept.put(found[name], "stdout", random.Random(name).randbytes(SIZE))
        with engine.begin() as connection:
            connection.execute(sa.update(artifact).where(artifact.c.run_id == found[name]).values(read_at=1000.0 + age))
    for path in (tmp_path / "artifacts").glob("??/*.gz"):
        os.utime(path, (0, 0))
    return found


def room(engine: sa.Engine, tmp_path: Path, most: int) -> Room:
    return Room(engine, FileArtifacts(engine, tmp_path / "artifacts"), tmp_path / "artifacts", most, "box-1")


def left(engine: sa.Engine, runs: dict[str, str]) -> set[str]:
    with engine.connect() as connection:
        kept = set(connection.scalars(sa.select(artifact.c.run_id)))
    return {name for name, run_id in runs.items() if run_id in kept}


def test_the_longest_unread_go_when_the_room_is_full(engine: sa.Engine, runs: dict[str, str], tmp_path: Path) -> None:
    """Proves: 002-11, I20."""
    with capture_logs() as logs:
        said = room(engine, tmp_path, int(4.5 * SIZE))()
    assert left(engine, runs) == {"pinned", "young", "active"}
    assert taken(tmp_path / "artifacts") < 3.2 * SIZE
    assert "the outputs of 2 runs forgotten" in said
    assert [(line["log_level"], line["runs"], line["files"]) for line in logs] == [("warning", 2, 2)]


def test_what_is_pinned_or_goes_on_is_never_forgotten_and_it_says_so(engine: sa.Engine, runs: dict[str, str], tmp_path: Path) -> None:
    """Proves: 002-11."""
    with capture_logs() as logs:
        room(engine, tmp_path, SIZE // 2)()
    assert left(engine, runs) == {"pinned", "active"}
    assert [line["log_level"] for line in logs] == ["warning", "error"]
    assert "raise `retention.disk`" in logs[1]["event"]


def test_it_is_warned_before_the_room_is_full(engine: sa.Engine, runs: dict[str, str], tmp_path: Path) -> None:
    with capture_logs() as logs:
        room(engine, tmp_path, 6 * SIZE)()
        room(engine, tmp_path, 10 * SIZE)()
    assert left(engine, runs) == set(NAMES)
    assert [line["event"] for line in logs] == [
        "outputs of runs take most of their room: raise `retention.disk`, or lower `retention.runs`"
    ]


def test_what_lies_on_another_machine_makes_no_room_here(engine: sa.Engine, runs: dict[str, str], tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(artifact).where(artifact.c.run_id == runs["oldest"]).values(digest="f" * 64))
    room(engine, tmp_path, int(4.5 * SIZE))()
    assert left(engine, runs) == {"oldest", "pinned", "active"}


def test_what_is_taken_is_told_to_whoever_asks_elsewhere(engine: sa.Engine, runs: dict[str, str], tmp_path: Path) -> None:
    """Proves: 002-11, I20."""
    room(engine, tmp_path, 10 * SIZE)()
    assert crowded(SqlRooms(engine).listing()) is None
    assert "slipway_outputs_room_ratio 0.5" in bytes(exposition(SqlReading(engine)).body).decode()
    room(engine, tmp_path, 6 * SIZE)()
    told = crowded(SqlRooms(engine).listing())
    assert told == f"Outputs of runs take 0.1 MB of 0.1 MB on box-1. {REMEDY}"
    assert "slipway_outputs_room_ratio 0.8" in bytes(exposition(SqlReading(engine)).body).decode()


def test_the_fullest_hosts_are_named_first_and_silent_ones_are_forgotten(engine: sa.Engine) -> None:
    rooms = SqlRooms(engine)
    rooms.note("gone", 99, 100)
    with engine.begin() as connection:
        connection.execute(host_room.update().values(at=host_room.c.at - BELIEVED_S - 1))
    for host, used in (("a", 10), ("b", 81), ("c", 80), ("d", 120), ("e", 85), ("f", 90)):
        rooms.note(host, used * 10**9, 100 * 10**9)
    assert [row["host"] for row in rooms.listing()] == ["d", "f", "e", "b", "c", "a"]
    said = "Outputs of runs take 120.0 GB of 100.0 GB on d, 90.0 GB of 100.0 GB on f, 85.0 GB of 100.0 GB on e and on 1 more."
    assert crowded(rooms.listing()) == f"{said} {REMEDY}"
