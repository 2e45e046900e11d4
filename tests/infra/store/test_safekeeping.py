"""Backups are taken while the store is in use, checked, and put back without an old worker getting its way."""

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa

from infra.store.doubt import StoreInDoubt
from infra.store.engine import database, open_store
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.safekeeping import backup, check, restore
from jobs import events as e
from jobs.errors import LeaseLost, UserError
from jobs.model import RunState
from tests.infra.store.asked import start
from tests.infra.store.conftest import Place

NOW = 1.9e9


def test_a_backup_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    """Proves: 001-18."""
    engine = open_store(tmp_path)
    stop, written = Event(), []

    def write() -> None:
        while not stop.is_set():
            written.append(start(engine, f"k{len(written)}", number=len(written)).id)

    writer = Thread(target=write)
    writer.start()
    for n in range(3):
        backup(engine, tmp_path / "copy.db")
        check(tmp_path / "copy.db")
        assert [path.name for path in tmp_path.glob(".*copy*")] == [], n
    stop.set()
    writer.join()
    assert written


def test_after_a_restore_an_old_worker_has_lost_and_nothing_is_claimed_before_resume(tmp_path: Path) -> None:
    """Proves: F44, I07, 001-18."""
    engine = open_store(tmp_path)
    kept = start(engine)
    ledger = SqlLedger(engine)
    early = ledger.claim("agents", "first")
    backup(engine, tmp_path / "copy.db")
    late = ledger.claim("agents", "second", kept.id, only=True) or ledger.commit(early, e.Released())
    again = ledger.claim("agents", "second")
    engine.dispose()
    aside = restore(tmp_path, tmp_path / "copy.db", at=NOW)
    assert (late.state, aside is not None and aside.exists()) == (RunState.QUEUED, True)
    engine = open_store(tmp_path)
    ledger, runs = SqlLedger(engine), SqlRuns(engine)
    for zombie in (early, again):
        with pytest.raises(LeaseLost):
            ledger.commit(zombie, e.Prepared("b" * 40))
    assert ledger.expire() == [kept.id]
    assert ledger.claim("agents", "third") is None
    assert "restored" in runs.paused("7:42")
    runs.resume("*")
    third = ledger.claim("agents", "third")
    assert third.lease.token > max(early.lease.token, again.lease.token)
    with pytest.raises(LeaseLost):
        ledger.commit(replace(third, lease=again.lease), e.Prepared("b" * 40))


def test_a_second_restore_of_the_same_backup_is_a_new_epoch(tmp_path: Path) -> None:
    """Proves: F44."""
    engine = open_store(tmp_path)
    start(engine)
    backup(engine, tmp_path / "copy.db")
    engine.dispose()
    tokens = []
    for n in range(2):
        database(tmp_path).unlink()
        restore(tmp_path, tmp_path / "copy.db", at=NOW + 60 * n)
        engine = open_store(tmp_path)
        SqlRuns(engine).resume("*")
        tokens.append(SqlLedger(engine).claim("agents", "w").lease.token)
        engine.dispose()
        for side in ("-wal", "-shm"):
            database(tmp_path).with_name("slipway.db" + side).unlink(missing_ok=True)
    assert tokens[1] > tokens[0]


def test_a_store_in_use_is_not_replaced(tmp_path: Path) -> None:
    engine = open_store(tmp_path)
    start(engine)
    backup(engine, tmp_path / "copy.db")
    with pytest.raises(UserError, match="Stop every Slipway process"):
        restore(tmp_path, tmp_path / "copy.db", at=NOW)
    assert SqlLedger(engine).claim("agents", "w")
    engine.dispose()


def test_a_bad_backup_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    engine = open_store(tmp_path)
    run = start(engine)
    backup(engine, tmp_path / "copy.db")
    engine.dispose()
    good = (tmp_path / "copy.db").read_bytes()
    for bad in (b"", b"hello", good[:40_000], good[:16384] + b"\xff" * 300 + good[16684:], good[:-1] + b"x"):
        (tmp_path / "copy.db").write_bytes(bad)
        with pytest.raises(StoreInDoubt):
            restore(tmp_path, tmp_path / "copy.db", at=NOW)
    (tmp_path / "copy.db.sha256").unlink()
    for bad in (b"", b"hello", good[:40_000], good[:16384] + b"\xff" * 300 + good[16684:]):
        (tmp_path / "copy.db").write_bytes(bad)
        with pytest.raises(StoreInDoubt):
            restore(tmp_path, tmp_path / "copy.db", at=NOW)
    with pytest.raises(UserError, match="There is no file"):
        restore(tmp_path, tmp_path / "none.db", at=NOW)
    assert SqlRuns(open_store(tmp_path)).get(run.id) == run


def test_a_backup_of_another_instance_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        engine = open_store(tmp_path / name)
        backup(engine, tmp_path / f"{name}.db")
        engine.dispose()
    with pytest.raises(StoreInDoubt, match="of instance"):
        restore(tmp_path / "one", tmp_path / "two.db", at=NOW)
    open_store(tmp_path / "one").dispose()


def test_postgresql_has_its_own_tools(postgres: str, tmp_path: Path) -> None:
    engine = sa.create_engine(postgres)
    with pytest.raises(UserError, match="pg_dump"):
        backup(engine, tmp_path / "copy.db")
    (tmp_path / "any").write_bytes(b"")
    with pytest.raises(UserError, match="pg_restore"):
        restore(tmp_path, tmp_path / "any", at=NOW, url=postgres)
    engine.dispose()


def test_a_store_can_be_brought_to_an_empty_machine(tmp_path: Path) -> None:
    engine = open_store(tmp_path / "old")
    run = start(engine)
    backup(engine, tmp_path / "copy.db")
    engine.dispose()
    assert restore(tmp_path / "new", tmp_path / "copy.db", at=NOW) is None
    assert SqlRuns(Place(tmp_path / "new", None).open()).get(run.id) == run
