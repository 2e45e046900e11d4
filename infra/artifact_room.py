"""How much room artifacts may take on this machine: a warning before it is full, and the longest unread go when it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from infra.artifacts import FileArtifacts
from infra.store.rooms import SqlRooms
from infra.store.schema import artifact, run
from infra.store.work import read, write

log = structlog.get_logger("slipway.artifacts")
WARNED_AT = 0.8
SHRUNK_TO = 0.7
"""Shares of the room: from here on it is warned, and so far it is emptied once it is full."""
MOST_NAMED = 3
REMEDY = "Raise `retention.disk`, or lower `retention.runs`: over it those unread for longest are forgotten."


@dataclass(frozen=True, slots=True)
class Room:
    """The share of the disk that artifacts may take on `host`, in bytes."""

    engine: sa.Engine
    artifacts: FileArtifacts
    folder: Path
    most: int
    host: str

    def __call__(self) -> str:
        """Look, warn, and make room; what was done, in a sentence. What is taken then is noted, for whoever asks elsewhere."""
        said = self._looked(taken(self.folder))
        SqlRooms(self.engine).note(self.host, taken(self.folder), self.most)
        return said

    def _looked(self, used: int) -> str:
        if used > self.most:
            return self._make(used)
        if used > self.most * WARNED_AT:
            log.warning("outputs of runs take most of their room: raise `retention.disk`, or lower `retention.runs`", **self._told(used))
        return f"{shown(used)} of {shown(self.most)}"

    def _make(self, used: int) -> str:
        """Forget the runs nobody has read for longest, but none that is not final or is pinned, until there is room."""
        runs, free = 0, used - int(self.most * SHRUNK_TO)
        for run_id, digests in self._longest_unread():
            if free <= 0:
                break
            write(self.engine, partial(_forget, run_id))
            free -= sum(size_of(path) for path in map(self.artifacts.path, digests))
            runs += 1
        removed = self.artifacts.sweep_files()
        log.warning("outputs of runs were forgotten before their time: their room is full", runs=runs, files=removed, **self._told(used))
        left = taken(self.folder)
        if free > 0 and left > self.most:
            log.error("outputs of runs take more than their room, and all that may go is gone: raise `retention.disk`", **self._told(left))
        return f"{shown(left)} of {shown(self.most)}, the outputs of {runs} runs forgotten"

    def _longest_unread(self) -> Iterator[tuple[str, list[str]]]:
        """Runs of which nothing needs to be kept, with what of them lies on this machine."""
        last = sa.func.max(artifact.c.read_at)
        over = sa.select(artifact.c.run_id).join(run, run.c.id == artifact.c.run_id).where(run.c.ended_at.is_not(None), ~run.c.pinned)
        for run_id in read(self.engine, lambda connection: list(connection.scalars(over.group_by(artifact.c.run_id).order_by(last)))):
            here = [digest for digest in read(self.engine, partial(_digests, run_id)) if self.artifacts.path(digest).exists()]
            if here:
                yield run_id, here

    def _told(self, used: int) -> dict[str, str]:
        return {"used": shown(used), "room": shown(self.most)}


def crowded(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """What is to be said of hosts on which outputs take most of their room, or more than it; None where there is enough."""
    full = [row for row in rows if row["used"] > row["most"] * WARNED_AT]
    if not full:
        return None
    told = ", ".join(f"{shown(row['used'])} of {shown(row['most'])} on {row['host']}" for row in full[:MOST_NAMED])
    more = f" and on {len(full) - MOST_NAMED} more" if len(full) > MOST_NAMED else ""
    return f"Outputs of runs take {told}{more}. {REMEDY}"


def taken(folder: Path) -> int:
    """Bytes that the artifacts in a folder take."""
    return sum(map(size_of, folder.glob("??/*.gz")))


def size_of(path: Path) -> int:
    """A file's size; 0 for one that went in the meantime."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def shown(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1000**3:.1f} GB" if size >= 1000**3 else f"{size / 1000**2:.1f} MB"


def _digests(run_id: str, connection: sa.Connection) -> list[str]:
    return list(connection.scalars(sa.select(artifact.c.digest).where(artifact.c.run_id == run_id)))


def _forget(run_id: str, connection: sa.Connection) -> None:
    """Asked again in the same statement: somebody may just have pinned it."""
    still = sa.select(run.c.id).where(run.c.id == run_id, run.c.ended_at.is_not(None), ~run.c.pinned)
    connection.execute(sa.delete(artifact).where(artifact.c.run_id.in_(still)))
