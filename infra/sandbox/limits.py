"""Bounds on what a sandbox uses: a control group where this process may make one, else limits of each process."""

import contextlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from infra.sandbox.confinement import Confinement

ROOT = Path("/sys/fs/cgroup")
OPEN_FILES = 16_384


@dataclass(frozen=True, slots=True)
class Group:
    """A control group of one sandbox (with version 1, one directory for each controller)."""

    paths: tuple[Path, ...]

    def admit(self, pid: int) -> None:
        """Put a process in; what it starts afterwards is in too."""
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether something inside was killed for its memory."""
        for path in self.paths:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    words = (path / name).read_text().split()
                    if "oom_kill" in words and words[words.index("oom_kill") + 1] != "0":
                        return True
        return False

    def remove(self) -> None:
        """Only once it is empty; one that cannot be removed is empty and harmless."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                path.rmdir()


def new_group(confinement: Confinement, root: Path = ROOT) -> Group | None:
    """A group with the memory and process limits of `confinement`; None where we may not make one."""
    name = f"slipway-{os.getpid()}-{uuid.uuid4().hex}"
    paths: list[Path] = []
    for parent, settings in _parents(confinement, root).items():
        made = _make(parent / name, settings)
        if not made:
            Group(tuple(paths)).remove()
            return None
        paths.append(made)
    return Group(tuple(paths)) if paths else None


def sweep(root: Path = ROOT) -> None:
    """Remove the empty groups of processes that were killed before they could."""
    for parent in _parents(Confinement((), ()), root):
        for path in parent.glob("slipway-*-*"):
            if not Path("/proc", path.name.split("-")[1]).exists():
                with contextlib.suppress(OSError):
                    path.rmdir()


def _parents(confinement: Confinement, root: Path) -> dict[Path, dict[str, int]]:
    """Where groups are made, with the settings they get there: one place with version 2, one for each controller with version 1."""
    own = _own_groups()
    if "" in own and (root / "cgroup.controllers").exists():
        return {root / own[""].lstrip("/"): _second(confinement)}
    places = {}
    for controller, settings in _first(confinement).items():
        parent = root / controller / own.get(controller, "").lstrip("/")
        places[parent if parent.is_dir() else root / controller] = settings
    return places


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


def _make(path: Path, settings: dict[str, int]) -> Path | None:
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
