"""Large outputs of runs: compressed files named by their content, each with a row that says whose it is and what it is called."""

import gzip
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from infra.store.schema import artifact, run
from infra.store.upsert import insert
from infra.store.work import now, read, write
from jobs.errors import Fault

LEVEL = 6
GRACE_S = 3600.0
"""A file younger than this may belong to a row that is being written."""


class FileArtifacts:
    """`jobs.ports.Artifacts` in a folder of the data directory. No path is ever made of a run's or an artifact's name."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        """Keep `data` under `name` for the run, replacing an earlier one; durable on return. Returns the name."""
        return self.keep(run_id, name, [data], truncated=truncated)

    def keep(self, run_id: str, name: str, pieces: Iterable[bytes], *, truncated: bool = False) -> str:
        """As `put`, for data that comes in pieces and is never held as a whole."""
        file = self._written(pieces)
        row = {
            "digest": file.digest,
            "size": file.size,
            "stored": file.stored,
            "truncated": truncated,
            "created_at": now(),
            "read_at": now(),
        }

        def work(connection: sa.Connection) -> None:
            new = insert(connection, artifact).values(run_id=run_id, name=name, **row)
            connection.execute(new.on_conflict_do_update(index_elements=["run_id", "name"], set_=row))

        write(self._engine, work)
        return name

    def get(self, run_id: str, name: str) -> bytes:
        """The data, which counts as read now. Raises KeyError, and Fault(`store_doubt`) when the file is not what was put."""
        digest = self._read(run_id, name)
        path = self.path(digest)
        if not path.exists():
            raise KeyError(f"{name} of run {run_id} is not on this machine")
        data = _unpacked(path)
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise Fault("store_doubt", f"{path.name} in the artifacts is damaged. Restore it from a backup of the data directory.")
        return data

    def sweep(self, unread_s: float) -> int:
        """Forget what nobody has read for so long, then remove files nothing names. How many files.

        Never what belongs to a run that is not final, or is pinned, or of which anything was read lately.
        """
        write(self._engine, lambda connection: connection.execute(_unread(unread_s)).rowcount)
        return self.sweep_files()

    def sweep_files(self) -> int:
        """Remove files that nothing names any more. How many."""
        named = read(self._engine, lambda connection: set(connection.scalars(sa.select(artifact.c.digest).distinct())))
        clock = read(self._engine, lambda connection: float(connection.scalar(sa.select(now())) or 0.0))
        gone = [path for path in self._files() if path.stem not in named and path.stat().st_mtime < clock - GRACE_S]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _read(self, run_id: str, name: str) -> str:
        here = (artifact.c.run_id == run_id, artifact.c.name == name)
        touched = sa.update(artifact).where(*here).values(read_at=now()).returning(artifact.c.digest)
        digest: str | None = write(self._engine, lambda connection: connection.scalar(touched))
        if digest is None:
            raise KeyError(name)
        return digest

    def _written(self, pieces: Iterable[bytes]) -> "_Stored":
        """A file under the name of its content, written whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = self._folder / f".{secrets.token_hex(8)}"
        try:
            digest, size = _packed(written, pieces)
            path = self.path(digest)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
        _sync(path.parent)
        return _Stored(digest, size, path.stat().st_size)

    def path(self, digest: str) -> Path:
        """Where the data of that digest lies, if it is on this machine."""
        return self._folder / digest[:2] / f"{digest}.gz"

    def _files(self) -> Iterator[Path]:
        """Whole files, and the temporary ones of writers that were killed."""
        yield from self._folder.glob("??/*.gz")
        yield from self._folder.glob(".*")
        yield from self._folder.glob("??/.*")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file as it was written: its digest, the size of the data and the size on disk."""

    digest: str
    size: int
    stored: int


def _packed(path: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    """Write the pieces compressed and durable; the digest and size of the data. The same data makes the same file."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                packed.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _unread(unread_s: float) -> sa.Delete:
    last = artifact.alias()
    lately = sa.select(last.c.name).where(last.c.run_id == artifact.c.run_id, last.c.read_at >= now() - unread_s)
    over = sa.select(run.c.id).where(run.c.id == artifact.c.run_id, run.c.ended_at < now() - unread_s, run.c.pinned.is_(False))
    return sa.delete(artifact).where(over.exists(), ~lately.exists())


def _unpacked(path: Path) -> bytes | None:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, ValueError):
        return None


def _sync(folder: Path) -> None:
    """A rename is durable once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
