"""What is removed or saved from time to time, so that an installation needs nobody to look after its disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from app.server_file import Backup
from infra.store.repositories import Used
from jobs.errors import Fault, UserError
from jobs.model import HELD, Repository, Run
from jobs.ports import Clock

log = structlog.get_logger("slipway.housekeeping")
SUFFIX = ".backup"


class Workspaces(Protocol):
    """What runs have on this machine's disk."""

    def leftovers(self) -> Sequence[str]:
        """The ids of the runs that have something."""
        ...

    def discard(self, run_id: str) -> None:
        """Remove what a run has."""
        ...


class Runs(Protocol):
    """The runs."""

    def load(self, run_id: str) -> Run:
        """Raises KeyError."""
        ...


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a killed worker left on this machine: checkouts of runs that nobody holds."""

    workspaces: Workspaces
    runs: Runs

    def __call__(self) -> list[str]:
        """Remove them; the ids of their runs."""
        left = [run_id for run_id in self.workspaces.leftovers() if not self._is_held(run_id)]
        for run_id in left:
            self.workspaces.discard(run_id)
        return left

    def _is_held(self, run_id: str) -> bool:
        try:
            return self.runs.load(run_id).state in HELD
        except KeyError:
            return False


class Depots(Protocol):
    """What this machine keeps of repositories."""

    def tidy(self, repository: Repository) -> None:
        """Put it in order; nothing is lost. Raises Fault."""
        ...

    def forget(self, repository: Repository) -> None:
        """Remove it all."""
        ...


class Repositories(Protocol):
    """The repositories that runs were asked for in."""

    def used(self) -> Sequence[Used]:
        """Every one."""
        ...


@dataclass(frozen=True, slots=True)
class Mirrors:
    """What was fetched of repositories: put in order, and removed where nobody has asked for a run for `keep_s` seconds."""

    depots: Depots
    repositories: Repositories
    keep_s: float

    def __call__(self) -> list[str]:
        """Look after every repository; the names of those that are forgotten. One that cannot be put in order keeps no other from it."""
        each = self.repositories.used()
        old = [used for used in each if not used.busy and used.idle_s > self.keep_s]
        for used in each:
            self._look_after(used, old=used in old)
        return [used.repository.full_name for used in old]

    def _look_after(self, used: Used, *, old: bool) -> None:
        try:
            (self.depots.forget if old else self.depots.tidy)(used.repository)
        except Fault as fault:
            log.warning("a mirror could not be looked after", repository=used.repository.full_name, text=fault.reason.text)


@dataclass(frozen=True, slots=True)
class Backups:
    """Copies of the store in a directory, the newest `keep` of them."""

    directory: Path
    keep: int
    clock: Clock
    save: Callable[[Path], None]

    def __call__(self) -> str:
        """Make one and remove those that are too many; the new one's name. Raises Fault where there is no room for it, or no way to it."""
        try:
            return self._saved()
        except (UserError, OSError) as error:
            raise Fault("disk_full", f"No backup was made: {error}") from error

    def _saved(self) -> str:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.directory / f"slipway-{datetime.fromtimestamp(self.clock.now(), UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"
        self.save(file)
        for old in made_in(self.directory)[self.keep :]:
            old.unlink()
            old.with_name(f"{old.name}.sha256").unlink(missing_ok=True)
        return file.name


def kept_in(told: Backup, data: Path) -> Path:
    """Where the copies are that the keeper makes."""
    return told.directory or data / "backups"


def made_in(directory: Path) -> list[Path]:
    """The copies the keeper made there, the newest first."""
    return sorted(directory.glob(f"slipway-*{SUFFIX}"), reverse=True)
