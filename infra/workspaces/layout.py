"""Where everything about repositories and checkouts lies in the data directory, and who may be in there at the same time."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.model import Repository

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the data directory. Repositories go by number, never by a name that may change hands."""

    root: Path

    @property
    def work(self) -> Path:
        """Checkouts of all runs."""
        return self.root / "work"

    @property
    def git_home(self) -> Path:
        """What git keeps beside repositories."""
        return self.root / "git"

    def mirror(self, repository: Repository) -> Path:
        """What was fetched. Agents see its objects, read-only."""
        return self.root / "mirrors" / f"{key(repository)}.git"

    def control(self, repository: Repository) -> Path:
        """Where our commits are made. No agent ever sees it."""
        return self.root / "control" / f"{key(repository)}.git"

    def templates(self, repository: Repository) -> Path:
        """Trees of commits, which lie read-only under checkouts."""
        return self.root / "templates" / key(repository)

    def setup(self, repository: Repository) -> Path:
        """Layers made by setup commands."""
        return self.root / "setup" / key(repository)

    def run(self, run_id: str) -> Path:
        """Everything of one run."""
        return self.work / named(run_id)

    def attempt(self, run_id: str, attempt: int) -> Path:
        """The checkout of one attempt."""
        return self.run(run_id) / str(int(attempt))


def key(repository: Repository) -> str:
    """The one name of a repository on disk. Local repositories have numbers of their own, which GitHub may use as well."""
    return str(int(repository.id)) if repository.installation else f"local-{int(repository.id)}"


def named(name: str) -> str:
    """`name` if it is fit to be one part of a path. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a directory")
    return name


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone in here among all threads and processes of this machine; the lock dies with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
