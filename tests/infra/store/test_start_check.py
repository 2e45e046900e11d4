"""A store that is in doubt is refused before it is opened, with a way out; nothing is made where a store has been."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from infra.store import doubt
from infra.store.doubt import StoreInDoubt
from infra.store.engine import database, open_store
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from tests.infra.store.asked import start
from tests.infra.store.conftest import Place


def test_a_first_start_makes_a_store_and_the_next_one_finds_it(tmp_path: Path) -> None:
    run_id = _made(tmp_path)
    assert SqlRuns(open_store(tmp_path)).get(run_id).id == run_id
    header = database(tmp_path).read_bytes()[:100]
    assert int.from_bytes(header[68:72]) == doubt.APPLICATION_ID
    assert int.from_bytes(header[16:18]) == 16384


def _base_gone(data: Path) -> None:
    database(data).rename(data / "elsewhere")


def _base_gone_beside_its_wal(data: Path) -> None:
    (data / "instance").unlink()
    base = database(data)
    base.with_name(base.name + "-wal").write_bytes(b"left")
    base.unlink()


def _empty(data: Path) -> None:
    database(data).write_bytes(b"")


def _no_database(data: Path) -> None:
    database(data).write_bytes(b"hello" * 1000)


def _foreign(data: Path) -> None:
    _run(data, "PRAGMA application_id=7")


def _newer(data: Path) -> None:
    _run(data, "UPDATE alembic_version SET version_num='9999'")


def _other_instance(data: Path) -> None:
    (data / "instance").write_text("f" * 32)


def _unnamed(data: Path) -> None:
    _run(data, "DELETE FROM meta")


def _blank_instance(data: Path) -> None:
    (data / "instance").write_text("")


def _scribbled(data: Path) -> None:
    with database(data).open("r+b") as file:
        file.seek(16384 + 8)
        file.write(b"\xff" * 200)


DOUBTS: list[tuple[Callable[[Path], None], str]] = [
    (_base_gone, "is gone"),
    (_base_gone_beside_its_wal, "is gone, but slipway.db-wal is there"),
    (_empty, "is not a database"),
    (_no_database, "is not a database"),
    (_foreign, "belongs to another program"),
    (_newer, "does not know"),
    (_other_instance, "of instance"),
    (_unnamed, "is empty"),
    (_blank_instance, "is empty"),
    (_scribbled, "damaged|malformed"),
]


@pytest.mark.parametrize(("harm", "said"), DOUBTS, ids=[harm.__name__ for harm, _ in DOUBTS])
def test_a_doubtful_store_is_refused_and_left_as_it_is(tmp_path: Path, harm: Callable[[Path], None], said: str) -> None:
    """Proves: F42, F43, F45, I19, 001-07, 001-37, 001-38."""
    _made(tmp_path)
    harm(tmp_path)
    before = _files(tmp_path)
    with pytest.raises(StoreInDoubt, match=said) as refusal:
        open_store(tmp_path)
    assert refusal.value.reason.code == "store_doubt"
    assert any(way in str(refusal.value) for way in ("restore", "Install", "remove"))
    assert _files(tmp_path).keys() >= before.keys()
    assert {name: data for name, data in _files(tmp_path).items() if name in before and not name.endswith("-shm")} == {
        name: data for name, data in before.items() if not name.endswith("-shm")
    }


def test_tables_without_a_schema_version_are_not_taken_for_ours(tmp_path: Path) -> None:
    _made(tmp_path)
    _run(tmp_path, "DELETE FROM alembic_version")
    with pytest.raises(StoreInDoubt, match="no schema version"):
        open_store(tmp_path)


def test_a_crash_of_the_very_first_start_costs_nothing(tmp_path: Path) -> None:
    base = database(tmp_path)
    base.parent.mkdir()
    base.write_bytes(b"")
    open_store(tmp_path).dispose()
    (tmp_path / "instance").unlink()
    open_store(tmp_path).dispose()
    assert (tmp_path / "instance").read_text().strip()


def test_a_data_directory_belongs_to_one_store(place: Place) -> None:
    place.open().dispose()
    (place.data / "instance").write_text("another\n")
    with pytest.raises(StoreInDoubt, match="of instance"):
        place.open()


def test_another_programs_database_is_not_taken_over(place: Place) -> None:
    engine = place.open()
    for name, other in (("alembic_version", "other"), ("other", "alembic_version")):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {other}")
        if other == "other":
            with pytest.raises(StoreInDoubt, match="no schema version"):
                place.open()
    place.open().dispose()
    engine.dispose()


def _deleted(base: Path) -> None:
    base.unlink()


def _another(base: Path) -> None:
    copy = base.with_name("copy")
    copy.write_bytes(base.read_bytes())
    copy.replace(base)


@pytest.mark.parametrize("harm", [_deleted, _another])
def test_nothing_is_written_into_a_file_that_is_not_the_store_any_more(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Proves: I19, F43, I01."""
    engine, base = open_store(tmp_path), database(tmp_path)
    kept = base.with_name("kept")
    kept.hardlink_to(base)
    harm(base)
    for work in (lambda: start(engine), SqlReading(engine).ping):
        with pytest.raises(StoreInDoubt, match=r"was moved or deleted while it is used.* Move it back, or: .*slipway restore FILE"):
            work()
    kept.replace(base)
    assert start(engine)


@pytest.mark.parametrize("name", ["with space", "50%", "a?b#c"])
def test_a_data_directory_may_be_called_anything(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    for _ in range(2):
        engine = open_store(data, f"sqlite:///{data / 'store' / 'slipway.db'}" if name == "with space" else None)
        assert SqlReading(engine).ping() > 1e9
        engine.dispose()
    assert database(data).exists()


def _made(data: Path) -> str:
    engine = open_store(data)
    run = start(engine)
    engine.dispose()
    return run.id


def _run(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(database(data))) as connection:
        connection.execute(statement)
        connection.commit()


def _files(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}
