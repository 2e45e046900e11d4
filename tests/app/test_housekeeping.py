"""What is removed and saved without anybody asking."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.housekeeping import Backups, Leftovers, Mirrors
from app.settings import load
from app.wiring.ground import Ground
from app.wiring.keep import duties
from infra.store.repositories import Used
from jobs.errors import Fault, UserError
from jobs.model import Repository, Run, RunState
from tests.fakes.engine import FakeClock, request, rules


@dataclass
class Disk:
    """What runs have on disk."""

    left: list[str] = field(default_factory=lambda: ["held", "parked", "unknown"])

    def leftovers(self) -> list[str]:
        return list(self.left)

    def discard(self, run_id: str) -> None:
        self.left.remove(run_id)


class Runs:
    """One run at work and one that waits."""

    def load(self, run_id: str) -> Run:
        states = {"held": RunState.RUNNING, "parked": RunState.PARKED}
        return Run(run_id, request(), rules(), state=states[run_id])


def test_only_what_a_worker_holds_stays_on_disk() -> None:
    """Proves: I12."""
    disk = Disk()
    assert Leftovers(disk, Runs())() == ["parked", "unknown"]
    assert disk.left == ["held"]


@dataclass
class FakeDepots:
    """Remembers what is done to what is kept of repositories."""

    done: list[tuple[str, int]] = field(default_factory=list)
    broken: int = 0

    def tidy(self, repository: Repository) -> None:
        self.done.append(("tidy", repository.id))
        if repository.id == self.broken:
            raise Fault("disk_full", "No space left.")

    def forget(self, repository: Repository) -> None:
        self.done.append(("forget", repository.id))


@dataclass
class FakeRepositories:
    each: list[Used]

    def used(self) -> list[Used]:
        return self.each


def test_what_was_fetched_is_put_in_order_and_goes_when_nobody_asks_any_more() -> None:
    """Proves: 000-09, I20."""
    here = [Used(Repository(n, f"acme/{n}", 7), idle, busy) for n, idle, busy in ((1, 5.0, False), (2, 500.0, False), (3, 500.0, True))]
    depots = FakeDepots(broken=1)
    assert Mirrors(depots, FakeRepositories(here), 100.0)() == ["acme/2"]
    assert depots.done == [("tidy", 1), ("forget", 2), ("tidy", 3)]


def test_the_newest_backups_stay(tmp_path: Path) -> None:
    """Proves: 001-39."""
    clock = FakeClock()

    def save(file: Path) -> None:
        file.write_text("store")
        file.with_name(f"{file.name}.sha256").write_text("digest")

    backups = Backups(tmp_path / "backups", 2, clock, save)
    names = []
    for _ in range(4):
        names.append(backups())
        clock.sleep(60)
    assert sorted(path.name for path in (tmp_path / "backups").glob("*.backup")) == names[-2:]
    assert len(list((tmp_path / "backups").iterdir())) == 4
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700


def _no_room(file: Path) -> None:
    raise UserError(f"{file} cannot be written (disk is full). Name a file in a folder that is there and has room.")


def _cut_off(file: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("save", [_no_room, _cut_off])
def test_a_backup_that_cannot_be_made_ends_nobody_and_leaves_the_others(tmp_path: Path, save: Callable[[Path], None]) -> None:
    """Proves: 001-39, F41. The duty fails, the keeper goes on: an error that is not a fault would end it, and the service with it."""
    Backups(tmp_path, 1, FakeClock(), lambda file: file.touch())()
    [made] = tmp_path.iterdir()
    with pytest.raises(Fault, match="No backup was made: "):
        Backups(tmp_path, 1, FakeClock(at=2_000_000.0), save)()
    assert list(tmp_path.iterdir()) == [made]


def test_a_folder_for_backups_that_cannot_be_made_ends_nobody(tmp_path: Path) -> None:
    """Proves: 001-39."""
    (tmp_path / "file").touch()
    with pytest.raises(Fault, match="No backup was made: "):
        Backups(tmp_path / "file", 1, FakeClock(), Path.touch)()


def test_the_duties_follow_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('[backup]\nevery = "1h"\n')
    base = {"HOME": str(tmp_path), "SLIPWAY_DATA_DIR": str(tmp_path / "data"), "SLIPWAY_REDIS_URL": "unix:///nowhere"}
    plain, saving = (Ground(load({**base, **more})) for more in ({}, {"SLIPWAY_CONFIG": str(file)}))
    names = [[duty.name for duty in duties(ground)] for ground in (plain, saving)]
    assert set(names[1]) - set(names[0]) == {"back up"}
    assert {"remove leftovers", "look after mirrors", "forget unread outputs", "empty old webhooks"} <= set(names[0])
    assert "ask for missed webhooks" not in names[0]
    plain.engine.dispose()
    saving.engine.dispose()


def test_a_backup_that_is_due_is_made(tmp_path: Path) -> None:
    """Proves: 001-39."""
    file = tmp_path / "server.toml"
    file.write_text('[backup]\nevery = "1h"\n')
    environ = {"HOME": str(tmp_path), "SLIPWAY_DATA_DIR": str(tmp_path / "data"), "SLIPWAY_REDIS_URL": "unix:///nowhere"}
    ground = Ground(load({**environ, "SLIPWAY_CONFIG": str(file)}))
    next(duty for duty in duties(ground) if duty.name == "back up").do()
    assert len(list((tmp_path / "data" / "backups").glob("*.backup"))) == 1
    ground.engine.dispose()
