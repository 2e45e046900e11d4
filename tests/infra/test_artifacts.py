"""Large outputs are kept whole, once, and as long as somebody reads them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.artifacts import FileArtifacts
from infra.masked import MaskedArtifacts
from infra.redact import Redactor
from infra.store import schema
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from infra.store.schema import artifact
from jobs.errors import Fault
from tests.infra.store.asked import WHOLE, start, walk

DAY_S = 86400.0
LONG = b"0123456789" * 100_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_store(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def kept(engine: sa.Engine, tmp_path: Path) -> FileArtifacts:
    return FileArtifacts(engine, tmp_path / "artifacts")


def test_a_secret_of_ours_is_masked_where_a_text_is_kept(engine: sa.Engine, kept: FileArtifacts) -> None:
    """Proves: I11, T35. A diff that passed the gate for secrets may still hold one that only we know."""
    run = start(engine)
    masked = MaskedArtifacts(kept, Redactor(["the-marker-secret-of-the-operator"]))
    masked.put(run.id, "1-code-1.diff", b"+key = the-marker-secret-of-the-operator\n+\xff\n")
    assert masked.get(run.id, "1-code-1.diff") == kept.get(run.id, "1-code-1.diff") == b"+key = [redacted]\n+\xff\n"


def test_what_was_put_comes_back_and_takes_less_room(engine: sa.Engine, kept: FileArtifacts, tmp_path: Path) -> None:
    """Proves: 003-31."""
    run = start(engine)
    assert kept.put(run.id, "stdout", LONG, truncated=True) == "stdout"
    assert kept.get(run.id, "stdout") == LONG
    with engine.connect() as connection:
        row = connection.execute(sa.select(artifact)).one()
    assert (row.size, row.truncated, row.stored < len(LONG) / 10) == (len(LONG), True, True)
    assert [path.name for path in _files(tmp_path)] == [f"{row.digest}.gz"]


def test_the_same_bytes_are_one_file_and_a_name_put_again_is_replaced(engine: sa.Engine, kept: FileArtifacts, tmp_path: Path) -> None:
    run = start(engine)
    kept.put(run.id, "stdout", LONG)
    kept.put(run.id, "again", LONG)
    assert len(_files(tmp_path)) == 1
    kept.put(run.id, "again", b"other")
    assert (kept.get(run.id, "again"), kept.get(run.id, "stdout")) == (b"other", LONG)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/abs", "a/b", "..", ".hidden", "x" * 200])
def test_no_name_leads_out_of_the_folder(engine: sa.Engine, kept: FileArtifacts, tmp_path: Path, name: str) -> None:
    run = start(engine)
    kept.put(run.id, name, b"data")
    assert kept.get(run.id, name) == b"data"
    assert all(path.name.endswith(".gz") and path.parent.parent == tmp_path / "artifacts" for path in _files(tmp_path))


def test_an_unknown_name_and_another_runs_are_not_found(engine: sa.Engine, kept: FileArtifacts) -> None:
    """Proves: I21."""
    run, other = start(engine), start(engine, "label:42:2", number=8)
    kept.put(run.id, "stdout", b"mine")
    for run_id, name in [(run.id, "stderr"), (other.id, "stdout"), (run.id[:8], "stdout")]:
        with pytest.raises(KeyError):
            kept.get(run_id, name)


@pytest.mark.parametrize("damage", [b"", b"not gzip", b"\x1f\x8b\x08"])
def test_a_damaged_file_is_told_and_never_handed_out(engine: sa.Engine, kept: FileArtifacts, tmp_path: Path, damage: bytes) -> None:
    run = start(engine)
    kept.put(run.id, "stdout", LONG)
    _files(tmp_path)[0].write_bytes(damage)
    with pytest.raises(Fault, match="damaged"):
        kept.get(run.id, "stdout")


def test_thirty_days_after_the_last_read_an_output_goes_unless_it_is_pinned_or_the_run_goes_on(
    engine: sa.Engine, kept: FileArtifacts, tmp_path: Path
) -> None:
    """Proves: 002-11, 003-32."""
    ledger = SqlLedger(engine)
    runs = {name: start(engine, name, number=n) for n, name in enumerate(["old", "pinned", "young", "active"])}
    for _ in range(3):
        walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    SqlRuns(engine).pin(runs["pinned"].id)
    for name, run in runs.items():
        kept.put(run.id, "stdout", name.encode())
        _read_last(engine, tmp_path, run.id, days=29.9 if name == "young" else 30.1)
    assert kept.sweep(unread_s=30 * DAY_S) == 1
    assert {name for name, run in runs.items() if _has(kept, run.id)} == {"pinned", "young", "active"}


def test_reading_an_output_keeps_all_of_its_run(engine: sa.Engine, kept: FileArtifacts, tmp_path: Path) -> None:
    """Proves: 002-11."""
    ledger, run = SqlLedger(engine), start(engine)
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    for name in ("stdout", "stderr"):
        kept.put(run.id, name, name.encode())
    _read_last(engine, tmp_path, run.id, days=31)
    kept.get(run.id, "stdout")
    assert kept.sweep(unread_s=30 * DAY_S) == 0
    assert kept.get(run.id, "stderr") == b"stderr"


def test_what_a_killed_writer_left_goes_and_what_is_being_written_stays(kept: FileArtifacts, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "ab"
    folder.mkdir(parents=True)
    for name in (".old", ".new"):
        (folder / name).write_bytes(b"half")
    os.utime(folder / ".old", (0, 0))
    assert kept.sweep(unread_s=3600) == 1
    assert [path.name for path in folder.iterdir()] == [".new"]


def _files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]


def _has(kept: FileArtifacts, run_id: str) -> bool:
    try:
        return bool(kept.get(run_id, "stdout"))
    except KeyError:
        return False


def _read_last(engine: sa.Engine, tmp_path: Path, run_id: str, *, days: float) -> None:
    """As if the run had ended, and its outputs been read last, so long ago."""
    at = time.time() - days * DAY_S
    with engine.begin() as connection:
        connection.execute(sa.update(artifact).where(artifact.c.run_id == run_id).values(read_at=at))
        connection.execute(sa.update(schema.run).where(schema.run.c.id == run_id, schema.run.c.ended_at.is_not(None)).values(ended_at=at))
    for path in _files(tmp_path):
        os.utime(path, (1, 1))
