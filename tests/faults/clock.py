"""A time that several processes share, and that a test moves forward for all of them."""

import struct
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SharedClock:
    """`jobs.ports.Clock` for every process that names the same file: whoever waits moves the time for all."""

    path: Path

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Be `seconds` later at once."""
        self.jump(max(0.0, seconds))

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock, forward or back."""
        self.path.write_bytes(struct.pack("d", self.ahead + seconds))

    @property
    def ahead(self) -> float:
        """How far the shared time is ahead of the machine's."""
        try:
            return float(struct.unpack("d", self.path.read_bytes())[0])
        except (OSError, struct.error):
            return 0.0
