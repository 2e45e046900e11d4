"""Where agents keep their conversations, so that the next iteration of a step goes on with its own. They go with the checkouts."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.agents.adapter import Adapter
from infra.sandbox.confinement import Bind
from infra.workspaces.layout import named
from infra.workspaces.removal import remove
from jobs.evidence import AgentResult
from jobs.ports import Launch

MOST_BYTES = 256 * 1024**2
"""What a conversation may take on disk; a longer one is begun anew."""
MOST_ENTRIES = 20_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What may go onto a command line: the id was printed by the agent, or by whatever told it what to print."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One step's conversations: a directory of the host that only agents of this step see, and beside it which one to go on with."""

    place: Path

    @property
    def directory(self) -> Path:
        """What the agent writes."""
        return self.place / "kept"

    @property
    def session(self) -> str | None:
        """The conversation to go on with; None to begin one."""
        noted = self.place / "session"
        return noted.read_text() if noted.exists() else None

    def opened(self, adapter: Adapter) -> tuple[Bind, ...]:
        """How it is seen inside. The place is one in a fresh directory of the sandbox, never in one that an agent wrote."""
        if not adapter.memory:
            return ()
        self.directory.mkdir(parents=True, exist_ok=True)
        return (Bind(self.directory, adapter.memory, writable=True),)

    def closed(self, result: AgentResult) -> None:
        """After a launch that ended well its conversation is remembered; after any other, or too long a one, the next begins anew."""
        if not self.directory.exists():
            return
        session = result.session_id or ""
        if result.failure is None and _ID.fullmatch(session) and _fits(self.directory):
            (self.place / "session").write_text(session)
            return
        remove(self.place)


def memory(scratch: Path, launch: Launch) -> Memory:
    """That of the launch's step. It lies with the run's checkouts and goes with them."""
    return Memory(scratch / named(launch.run.id) / f"memory-{launch.step.name}")


def _fits(directory: Path) -> bool:
    """Whether it is no larger than it may be, and can be looked through at all. No link is followed."""
    size = entries = 0
    try:
        for entry in _entries(directory):
            size, entries = size + entry.stat(follow_symlinks=False).st_size, entries + 1
            if size > MOST_BYTES or entries > MOST_ENTRIES:
                return False
    except OSError:
        return False
    return True


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    left = [str(directory)]
    while left:
        with os.scandir(left.pop()) as found:
            for entry in found:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
