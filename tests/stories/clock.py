"""The time of a story: the machine's, with every wait already over."""

import threading
import time
from dataclasses import dataclass, field


@dataclass
class StoryClock:
    """`jobs.ports.Clock` for the service, its store and its GitHub alike: whoever waits moves the time for all of them."""

    ahead: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Be `seconds` later at once."""
        with self._lock:
            self.ahead += max(0.0, seconds)
