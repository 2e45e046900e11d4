"""Signing in to the dashboard with a token, for as long as the session's cookie lasts."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.api.problems import Problem

WINDOW_S = 60.0
MOST_OF_ONE = 10
MOST_OF_ALL = 100


@dataclass
class Tries:
    """Failed tries of the last minute in this process: few of one address, not many of all together."""

    monotonic: Callable[[], float]
    failed: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MOST_OF_ALL))

    def check(self, address: str) -> None:
        """Raises Problem 429 for an address that has guessed enough, and for all when all together have."""
        now = self.monotonic()
        lately = [who for at, who in self.failed if now - at < WINDOW_S]
        if len(lately) >= MOST_OF_ALL or lately.count(address) >= MOST_OF_ONE:
            raise Problem(429, "Too many tries to sign in. Wait a minute, then try again.", {"Retry-After": str(int(WINDOW_S))})

    def note(self, address: str) -> None:
        """One more that failed."""
        self.failed.append((self.monotonic(), address))


def local_path(path: str) -> str:
    """Where to go after signing in: a page of ours, whatever was asked for."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"
