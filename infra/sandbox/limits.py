"""Bounds on what a sandbox uses: a control group where this process may make one, else limits of each process."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.sandbox.confinement import Confinement

ROOT = Path("/sys/fs/cgroup")
OPEN_FILES = 16_384
Places = Mapping[Path, Mapping[str, int]]
"""Where the directories of one group are made, with the settings each gets."""


@dataclass(frozen=True, slots=True)
class Group:
    """A control group of one sandbox (with version 1, one directory for each controller)."""

    paths: tuple[Path, ...]

    def admit(self, pid: int) -> None:
        """Put a process in; what it starts afterwards is in too."""
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> Literal["", "limit", "machine"]:
        """Whether something inside was killed for memory: because the group had reached its limit, or because the machine had none left.

        The kernel counts `oom_kill` where the killed process was, and `oom` (in version 1 `failcnt`) where the limit was that was reached.
        """
        if not any(_counted(path / name, "oom_kill") for path in self.paths for name in ("memory.events", "memory.oom_control")):
            return ""
        reached = any(_counted(path / "memory.events", "oom") or _counted(path / "memory.failcnt") for path in self.paths)
        return "limit" if reached else "machine"

    def remove(self) -> None:
        """Only once it is empty; one that cannot be removed is empty and harmless."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                path.rmdir()


def _counted(path: Path, name: str = "") -> bool:
    """Whether the kernel has counted anything there: under that name, or all that the file says."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        words = path.read_text().split()
        return words[words.index(name) + 1 if name else 0] != "0"
    return False


def new_group(confinement: Confinement, root: Path = ROOT) -> Group | None:
    """A group with the memory and process limits of `confinement`; None where we may not make one."""
    name = f"slipway-{os.getpid()}-{uuid.uuid4().hex}"
    tries = (_group(name, places) for places in parents(_own_groups(), confinement, root))
    return next((group for group in tries if group), None)


def sweep(root: Path = ROOT) -> None:
    """Remove the empty groups of processes that were killed before they could."""
    for places in parents(_own_groups(), Confinement((), ()), root):
        for path in (path for parent in places for path in parent.glob("slipway-*-*")):
            if not Path("/proc", path.name.split("-")[1]).exists():
                with contextlib.suppress(OSError):
                    path.rmdir()


def parents(own: Mapping[str, str], confinement: Confinement, root: Path) -> Iterator[Places]:
    """The ways to make a group: with version 1 one place for each controller; with version 2 one place, below us or beside us.

    Beside, because there a group with processes in it may have none below it that have limits: a service that may make groups
    (systemd's `Delegate`) keeps its own processes in one of their own (`DelegateSubgroup`).
    https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint
    """
    if "" in own and (root / "cgroup.controllers").exists():
        here = root / own[""].lstrip("/")
        yield {here: _second(confinement)}
        if here != root:
            yield {here.parent: _second(confinement)}
        return
    places = {}
    for controller, settings in _first(confinement).items():
        parent = root / controller / own.get(controller, "").lstrip("/")
        places[parent if parent.is_dir() else root / controller] = settings
    yield places


def _group(name: str, places: Places) -> Group | None:
    """The group in all of its places, or nothing anywhere."""
    paths: list[Path] = []
    for parent, settings in places.items():
        _enable(parent)
        made = _make(parent / name, settings)
        if not made:
            Group(tuple(paths)).remove()
            return None
        paths.append(made)
    return Group(tuple(paths))


def _enable(parent: Path) -> None:
    """Let groups below a place of version 2 have limits; refused where processes are in it, and already so where it is delegated well."""
    knob = parent / "cgroup.subtree_control"
    with contextlib.suppress(OSError):
        if not {"memory", "pids"} <= set(knob.read_text().split()):
            with knob.open("r+") as file:
                file.write("+memory +pids")


def limiting(confinement: Confinement, *, grouped: bool) -> tuple[str, ...]:
    """The words before a program that limit each process inside; without a group they have to limit memory as well."""
    limits = {"cpu": confinement.cpu_s, "fsize": confinement.file_bytes, "core": 0, "nofile": OPEN_FILES}
    if not grouped:
        limits |= {"nproc": confinement.processes, "data": confinement.memory}
    if shutil.which("prlimit", path="/usr/bin:/bin"):
        return ("prlimit", *(f"--{name}={value}" for name, value in limits.items()), "--")
    flags = {"cpu": "t", "fsize": "f", "core": "c", "nofile": "n", "nproc": "u", "data": "d"}
    units = {"fsize": 512, "data": 1024}
    script = "; ".join(f"ulimit -{flags[name]} {value // units.get(name, 1)}" for name, value in limits.items())
    return ("sh", "-c", f'{script}; exec "$@"', "sh")


def _own_groups() -> dict[str, str]:
    """Controller -> our group there; the unified hierarchy is the empty name."""
    groups: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _second(confinement: Confinement) -> dict[str, int]:
    return {
        "memory.max": confinement.memory,
        "memory.swap.max": 0,
        "pids.max": confinement.processes,
        "memory.oom.group": 1,
    }


def _first(confinement: Confinement) -> dict[str, dict[str, int]]:
    return {"memory": {"memory.limit_in_bytes": confinement.memory}, "pids": {"pids.max": confinement.processes}}


def _make(path: Path, settings: Mapping[str, int]) -> Path | None:
    """The group at `path` with its settings, or None and nothing left behind."""
    try:
        path.mkdir()
    except OSError:
        return None
    try:
        for name, value in settings.items():
            with (path / name).open("r+") as knob:  # never makes a file: where there is none, this is no control group
                knob.write(str(value))
    except OSError:
        path.rmdir()
        return None
    return path
