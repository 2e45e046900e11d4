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
PLACES = ("work", "git", "mirrors", "control", "templates", "setup")
HELD_BY = ("templates/*/*/users/{run}.*", "setup/*/*/users/{run}.*", "mirrors/*/refs/pins/{run}", "control/*/refs/pins/{run}.*")
"""Where a run says that it still needs something. The dot is in no run's id, so that no id is the beginning of another's name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the data directory. Repositories go by number, never by a name that may change hands."""

    root: Path

    def ensure(self) -> None:
        """Have the directories, for nobody but us.

        What an agent makes belongs to whoever runs the service: a program it left with the set-user-id bit must be out of everybody's
        reach, and so must the source of private repositories.
        """
        for name in PLACES:
            place = self.root / name
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if place.stat().st_mode & 0o077:
                place.chmod(0o700)

    @property
    def work(self) -> Path:
        """Checkouts of all runs."""
        return self.root / "work"

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

    def holds(self, run_id: str) -> Iterator[Path]:
        """Every mark that this run still needs something."""
        for pattern in HELD_BY:
            yield from self.root.glob(pattern.format(run=named(run_id)))


def user(run_id: str, tag: str | int) -> str:
    """The name under which one checkout of a run holds something."""
    return f"{named(run_id)}.{named(str(tag))}"


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


def held(place: Path, user: str) -> None:
    """Write down that `user` (made by the function of that name) needs what is in `place` to stay as it is."""
    users = place / "users"
    users.mkdir(exist_ok=True)
    (users / user).touch()
    os.utime(place)


def released(place: Path, user: str) -> None:
    """The opposite of `held`. Harmless when it never was."""
    (place / "users" / user).unlink(missing_ok=True)


def idle(root: Path) -> list[Path]:
    """The places in `root` that nobody holds, the one used last first."""
    found = [path for path in root.glob("[0-9a-f]*") if path.is_dir() and not any((path / "users").glob("*"))]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
