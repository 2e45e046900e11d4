"""What a sandbox uses at this moment, as the kernel shows it from outside. What cannot be seen is nothing; callers leave room for that."""

import contextlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra import process
from infra.process import Bounds, Command

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGESIZE")
BLOCK = 512
PRIVATE = ("tmp", "dev/shm", "home")
MEMFD = "/memfd:"
COUNT_S = 60.0


@dataclass(frozen=True, slots=True)
class Process:
    """A living process: its resident memory in bytes counts pages it shares with others in full."""

    pid: int
    parent: int
    resident: int


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a file system for an ordinary user."""

    octets: int
    files: int
    whole: int


def inside(init: int) -> list[Process]:
    """The first process of a PID namespace and all below it: whoever loses its parent in there becomes the first one's child."""
    children: dict[int, list[Process]] = defaultdict(list)
    known = {one.pid: one for one in _processes()}
    for one in known.values():
        children[one.parent].append(one)
    found, left = [], [known[init]] if init in known else []
    while left:
        found.append(left.pop())
        left += children[found[-1].pid]
    return found


def memory(processes: Iterable[Process], init: int, over: int) -> int:
    """Bytes of memory in use, files in private places and nameless ones included.

    Told exactly, with shared pages counted once, only where the quick sum of resident memory is more than `over`.
    """
    processes = list(processes)
    kept = sum(_private(init)) + _nameless(processes, in_memory=True)
    resident = sum(one.resident for one in processes)
    if resident + kept <= over:
        return resident + kept
    return kept + sum(_proportional(one) for one in processes)


def deleted(processes: Iterable[Process]) -> int:
    """Bytes on disk in files that are open and have no name any more."""
    return _nameless(processes, in_memory=False)


def killed_for_memory(counters: Path = PROC / "vmstat") -> int:
    """How many processes of this machine the kernel has killed for memory since it started; 0 where it does not say."""
    with contextlib.suppress(OSError):
        for line in counters.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def room(path: Path) -> Room:
    """What is left where `path` is."""
    found = os.statvfs(path)
    return Room(found.f_bavail * found.f_frsize, found.f_favail, found.f_blocks * found.f_frsize)


def on_disk(path: Path, *, files: bool = False) -> int | None:
    """Bytes (or with `files`, entries) below `path`, by a program that follows no link at any depth; None when it cannot tell."""
    words = ("--inodes",) if files else ("-k",)
    captured = process.run(Command(("du", "-s", "-x", *words, "--", str(path)), {"PATH": os.defpath, "LC_ALL": "C"}), Bounds(COUNT_S))
    number = captured.stdout.text.partition("\t")[0]
    return int(number) * (1 if files else 1024) if number.isdigit() else None


def _processes() -> Iterator[Process]:
    for path in PROC.iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (path / "stat").read_bytes().rpartition(b")")[2].split()
                yield Process(int(path.name), int(fields[1]), int(fields[21]) * PAGE)


def _proportional(one: Process) -> int:
    """The memory of a process with each shared page divided among those that share it; resident memory where that is not shown."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(one.pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return one.resident


def _private(init: int) -> Iterator[int]:
    """Bytes in the private places, which are kept in memory."""
    for name in PRIVATE:
        with contextlib.suppress(OSError):
            found = os.statvfs(PROC / str(init) / "root" / name)
            yield (found.f_blocks - found.f_bfree) * found.f_frsize


def _nameless(processes: Iterable[Process], *, in_memory: bool) -> int:
    """Bytes in open files that have no name (any more): those that never were on a disk, or those below the checkout and its like."""
    seen: dict[tuple[int, int], int] = {}
    for one in processes:
        descriptors = PROC / str(one.pid) / "fd"
        with contextlib.suppress(OSError):
            for path in descriptors.iterdir():
                with contextlib.suppress(OSError):
                    found = path.stat()
                    if stat.S_ISREG(found.st_mode) and found.st_nlink == 0 and _wanted(str(path.readlink()), in_memory=in_memory):
                        seen[found.st_dev, found.st_ino] = found.st_blocks * BLOCK
    return sum(seen.values())


def _wanted(name: str, *, in_memory: bool) -> bool:
    """By the name it had; private places are counted whole already."""
    return name.startswith(MEMFD) if in_memory else not name.startswith((MEMFD, *(f"/{place}/" for place in PRIVATE)))
