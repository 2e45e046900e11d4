"""The journal of a store on a file is kept short, and nobody who commits does it."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store.engine import database, open_store
from infra.store.folding import Folding
from infra.store.inbox import Delivery, SqlInbox
from tests.app.test_supervisor import soon

SIZE = 3 * 1024**2
"""More than SQLite would leave in a journal by itself with our pages, were it not told to: 1,000 of them."""


def written(engine: sa.Engine, times: int) -> None:
    for number in range(times):
        SqlInbox(engine).insert([Delivery("1", "push", f"delivery-{number}", None, None, "secret:0", bytes(SIZE))])


def test_what_is_in_the_journal_comes_into_the_file_and_not_by_a_commit(tmp_path: Path) -> None:
    engine, file = open_store(tmp_path), database(tmp_path)
    before = file.stat().st_size
    written(engine, 7)
    assert file.stat().st_size == before
    folding = Folding(engine)
    folding.start()
    assert soon(lambda: file.stat().st_size > 7 * SIZE)
    folding.close()
    engine.dispose()


def test_without_anybody_who_folds_a_commit_does_in_the_end(tmp_path: Path) -> None:
    engine = open_store(tmp_path)
    written(engine, 30)
    assert database(tmp_path).stat().st_size > 20 * SIZE
    engine.dispose()


def test_a_journal_that_cannot_be_folded_is_told_once_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = open_store(tmp_path)
    engine.dispose()
    database(tmp_path).write_bytes(b"no database any more" * 1000)
    folding = Folding(engine)
    folding.start()
    assert soon(lambda: "left to whoever commits" in capsys.readouterr().out)
    folding.close()


def test_it_ends_when_it_is_told_to_whatever_the_store_is(engine: sa.Engine) -> None:
    begun, never = Folding(engine), Folding(engine)
    begun.start()
    for folding in (begun, never):
        folding.close()
    assert "folding" not in {thread.name for thread in threading.enumerate()}
