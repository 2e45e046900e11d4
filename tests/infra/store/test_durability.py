"""What was acknowledged stays, whatever is killed, locked or forked."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import NoReturn

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from infra.store.doubt import StoreInDoubt
from infra.store.engine import database, open_store
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.safekeeping import backup, restore
from infra.store.schema import pause
from infra.store.schema import run as table
from infra.store.work import READ_ONLY, read, write
from tests.infra.store.asked import RULES, asked, start
from tests.infra.store.conftest import Place


def _write_for_ever(data: Path, url: str | None, acknowledged: Connection) -> None:
    runs = SqlRuns(open_store(data, url))
    for n in range(10_000):
        acknowledged.send(runs.start(asked(f"k{n}", number=n), RULES)[0].id)


def test_kill_9_of_a_writer_loses_no_acknowledged_commit(place: Place) -> None:
    """Proves: I01."""
    place.open().dispose()
    ours, theirs = get_context("spawn").Pipe(duplex=False)
    writer = get_context("spawn").Process(target=_write_for_ever, args=(place.data, place.url, theirs))
    writer.start()
    got = [ours.recv() for _ in range(20)]
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    while ours.poll():
        got.append(ours.recv())
    engine = place.open()
    runs = SqlRuns(engine)
    assert [runs.get(run_id).id for run_id in got] == got
    engine.dispose()


def test_a_lock_is_waited_out(tmp_path: Path) -> None:
    """Proves: F40."""
    engine = open_store(tmp_path)
    with engine.connect() as holder:
        holder.exec_driver_sql("SELECT 1")
        waiter = Thread(target=start, args=(engine,))
        waiter.start()
        time.sleep(0.2)
        assert waiter.is_alive()
        holder.rollback()
    waiter.join()
    assert len(SqlReading(engine).runs()[0]) == 1


def test_a_passing_failure_is_tried_again_a_lasting_one_is_told(engine: sa.Engine) -> None:
    """Proves: F40."""
    tries = []

    def locked(connection: sa.Connection) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("x", {}, sqlite3.OperationalError("database is locked"))
        return len(tries)

    assert write(engine, locked) == 3

    def always(connection: sa.Connection) -> None:
        raise OperationalError("x", {}, sqlite3.OperationalError("database is locked"))

    with pytest.raises(StoreInDoubt, match="locked or away"):
        read(engine, always)


def test_a_connection_that_is_cut_is_made_anew_and_the_work_done_once(place: Place, engine: sa.Engine) -> None:
    """Proves: F40, F47."""
    cuts = []

    def cut_once(connection: sa.Connection) -> None:
        cuts.append(1)
        if len(cuts) == 1 and place.url:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.execute(pause.insert().values(scope="*", actor="a", reason="r", at=0.0))

    write(engine, cut_once)
    assert len(cuts) == (2 if place.url else 1)
    assert SqlRuns(engine).paused("7:42") == "r"


@pytest.mark.parametrize(
    "said", ["database disk image is malformed", "database or disk is full", "disk I/O error", "file is not a database"]
)
def test_a_damaged_or_full_database_is_doubt_at_once(engine: sa.Engine, said: str) -> None:
    """Proves: F41, F42, I19."""
    tries = []

    def broken(connection: sa.Connection) -> None:
        tries.append(1)
        raise OperationalError("x", {}, sqlite3.OperationalError(said))

    with pytest.raises(StoreInDoubt):
        write(engine, broken)
    assert len(tries) == 1


def test_damage_found_by_one_process_stops_them_all_until_a_restore(tmp_path: Path) -> None:
    """Proves: F42, I19, 001-07."""
    engine, other = open_store(tmp_path), open_store(tmp_path)
    kept, *_ = [start(engine, f"k{n}", number=n, body="x" * 3000) for n in range(40)]
    backup(engine, tmp_path / "copy.db")
    for each in (engine, other):
        each.dispose()
    _scribble(database(tmp_path))
    with pytest.raises(StoreInDoubt, match="malformed"):
        SqlReading(engine).runs()
    for refused in (lambda: start(other, "new", number=80), lambda: SqlReading(other).ping(), lambda: open_store(tmp_path, check=False)):
        with pytest.raises(StoreInDoubt, match=r"found damaged .* restore"):
            refused()
    for each in (engine, other):
        each.dispose()
    restore(tmp_path, tmp_path / "copy.db", at=1.9e9)
    assert SqlRuns(open_store(tmp_path)).get(kept.id) == kept


def _scribble(base: Path) -> None:
    """Harm the head of every page but the first."""
    pages = base.read_bytes()
    harmed = [b"\x00\xff" * 30 + pages[at + 60 : at + 16384] for at in range(16384, len(pages), 16384)]
    base.write_bytes(pages[:16384] + b"".join(harmed))


def test_a_mistake_of_ours_is_not_hidden_as_doubt(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        read(engine, lambda connection: connection.exec_driver_sql("SELECT nonsense FROM nowhere"))


def test_a_real_full_disk_is_doubt_and_costs_nothing(tmp_path: Path) -> None:
    """Proves: F41, I19."""
    engine = open_store(tmp_path)
    kept = start(engine)
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.rollback()
    with pytest.raises(StoreInDoubt, match="full"):
        _fill(engine)
    assert SqlRuns(engine).get(kept.id) == kept


def _fill(engine: sa.Engine) -> None:
    for n in range(1000):
        start(engine, f"k{n}", body="x" * 100_000, number=n)


def test_a_read_takes_no_write_lock(tmp_path: Path) -> None:
    engine = open_store(tmp_path)
    with engine.begin() as writer:
        writer.execute(pause.insert().values(scope="*", actor="a", reason="r", at=0.0))
        assert SqlReading(engine).runs() == ([], None)


def test_no_connection_crosses_a_fork(place: Place, engine: sa.Engine) -> None:
    """Proves: F46."""
    run = start(engine)
    with engine.connect().execution_options(**{READ_ONLY: True}) as held:
        held.execute(sa.select(table.c.id))
        child = os.fork()
        if child == 0:
            _end_with(lambda: SqlRuns(engine).start(asked("k2", number=8), RULES)[1])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert held.scalar(sa.select(table.c.id).where(table.c.id == run.id)) == run.id
    assert len(SqlReading(engine).runs()[0]) == 2


def test_a_connection_that_crossed_a_fork_after_all_is_refused(engine: sa.Engine) -> None:
    """Proves: F46."""
    start(engine)
    with engine.connect() as held:
        entry = held.connection.dbapi_connection and held.connection._connection_record
        assert entry
        entry.info["pid"] = 1
    with pytest.raises(RuntimeError, match="crossed a fork"):
        SqlReading(engine).runs()


def _end_with(act: Callable[[], bool]) -> NoReturn:
    """End this forked child here, whatever happens: it must never go on as a second test session."""
    code = 1
    try:
        code = 0 if act() else 1
    finally:
        os._exit(code)


def test_two_first_starts_at_once_make_one_store(tmp_path: Path) -> None:
    """Proves: F45, I15."""
    with get_context("spawn").Pool(4) as pool:
        names = pool.map(_named, [tmp_path] * 4)
    assert len(set(names)) == 1
    with closing(sqlite3.connect(database(tmp_path))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _named(data: Path) -> str:
    open_store(data).dispose()
    return (data / "instance").read_text()
