"""Watches what a sandbox uses while it runs, and ends it over its limits: the disk everywhere, the rest where no control group does.

It looks several times a second, so it ends what has gone over and prevents little; a control group is better wherever one can be had.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread

from infra.clock import SystemClock
from infra.sandbox.confinement import Bind, Confinement, Mount
from infra.sandbox.usage import Process, deleted, inside, memory, on_disk, room

EVERY_S = 0.25
DISK_EVERY_S = 2.0
COUNTED_EVERY_S = 60.0
"""What lies on the disk is counted this often even where the file system shows nothing: others may free what is used up here."""
LEAST_ROOM = 0.02
"""The share of a file system that has to stay free."""
MEMORY = "It used more memory than its limit allows (`limits.memory`)."
PROCESSES = "It had more processes than its limit allows (`limits.processes`)."
DISK = "It used more of the disk than its limit allows (`limits.disk`)."
FILES = "It made more files than any honest work needs."
FULL = "The disk was nearly full while it worked, and most of what went was written since it began."


class Guard(Thread):
    """Looks after one sandbox until `end`. `init` is its first process as this machine numbers it; `kill` ends all of it.

    `grouped` says that a control group holds processes and memory already. `verdict` is why it was ended, or empty.
    """

    def __init__(self, confinement: Confinement, init: int, kill: Callable[[], None], *, grouped: bool) -> None:
        super().__init__(name=f"guard-{init}", daemon=True)
        self.verdict = ""
        self._confinement = confinement
        self._init = init
        self._kill = kill
        self._grouped = grouped
        self._over = Event()
        self._disk = Disk(written(confinement), confinement)

    def end(self) -> None:
        """Look no more; on return nothing is looked at. Harmless for one that never began."""
        self._over.set()
        if self.ident is not None:
            self.join()

    def run(self) -> None:
        """Until the end, or until something is over its limit."""
        while not self._over.wait(EVERY_S):
            self.verdict = self._judged()
            if self.verdict:
                self._kill()
                return

    def _judged(self) -> str:
        """Why it has to end, or nothing. What cannot be looked at is not let go on."""
        try:
            processes = [] if self._grouped else inside(self._init)
            return self._crowd(processes) or self._disk.verdict(self._init)
        except OSError as error:
            return f"What it uses could not be told any more ({error.strerror})."

    def _crowd(self, processes: Sequence[Process]) -> str:
        limits = self._confinement
        if len(processes) > limits.processes:
            return PROCESSES
        return MEMORY if processes and memory(processes, self._init, limits.memory) > limits.memory else ""


class Disk:
    """What a sandbox has written, judged by what is missing from the file system, and counted when that could be too much."""

    def __init__(self, places: Sequence[Path], confinement: Confinement) -> None:
        self._places = places
        self._most = confinement.disk_bytes
        self._most_files = confinement.disk_files
        self._clock = SystemClock()
        self._begun = [room(place) for place in places]
        self._next = self._clock.monotonic() + DISK_EVERY_S
        self._count = self._clock.monotonic() + COUNTED_EVERY_S

    def verdict(self, init: int) -> str:
        """Why what was written is too much, or nothing."""
        now = self._clock.monotonic()
        if now < self._next or not self._places:
            return ""
        rooms = [(before, room(place)) for before, place in zip(self._begun, self._places, strict=True)]
        spent = max(before.octets - room.octets for before, room in rooms)
        files = max(before.files - room.files for before, room in rooms)
        full = any(room.octets < room.whole * LEAST_ROOM and spent > room.whole * LEAST_ROOM for _, room in rooms)
        found = FULL if full else ""
        if not found and (now >= self._count or spent > self._most or files > self._most_files):
            found = self._counted(init, spent, files)
            self._count = self._clock.monotonic() + COUNTED_EVERY_S
        self._next = self._clock.monotonic() + max(DISK_EVERY_S, 10 * (self._clock.monotonic() - now))
        return found

    def _counted(self, init: int, spent: int, files: int) -> str:
        """Where the counting itself comes to nothing, what the file system says has to do."""
        octets = [on_disk(place) for place in self._places]
        entries = [on_disk(place, files=True) for place in self._places]
        named = sum(size for size in octets if size is not None) if None not in octets else spent
        if named + deleted(inside(init)) > self._most:
            return DISK
        made = sum(number for number in entries if number is not None) if None not in entries else files
        return FILES if made > self._most_files else ""


def written(confinement: Confinement) -> tuple[Path, ...]:
    """The directories of this machine that a sandbox can write to."""
    found = map(_place, (*confinement.checkout, *confinement.binds))
    return tuple(place for place in found if place is not None and place.is_dir())


def _place(mount: Mount) -> Path | None:
    if isinstance(mount, Bind):
        return mount.source if mount.writable else None
    return mount.upper
