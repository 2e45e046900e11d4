"""The launcher's own ledger: one line for each process that was really started, whatever the store says about it."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One start of an agent; `start` in seconds since the epoch."""

    run: str
    attempt: int
    step: str
    iteration: int
    agent: str
    start: float


class LaunchLog:
    """The file `launches.log`. It is only ever added to, by any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, line: Line) -> None:
        """Write one line that survives a crash from the moment this returns."""
        data = json.dumps(asdict(line), separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Iterator[Line]:
        """Every line, oldest first; one that a crash cut short is no launch."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for data in file:
                if data.endswith(b"\n"):
                    yield Line(**json.loads(data))
