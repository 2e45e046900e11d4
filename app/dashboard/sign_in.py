"""Ways into the dashboard: a token, GitHub, or the link that `slipway up` prints; and how often somebody may try."""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from app.api.problems import Problem
from app.dashboard.github import GitHubSignIn
from jobs.model import Actor

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


class Visits(Protocol):
    """Who is signed in, for every web process."""

    def follow(self, link: str, lasts_s: float) -> str | None:
        """The secret of an operator's visit for that of a link, once."""
        ...

    def welcome(self, actor: Actor, sees: Collection[str], lasts_s: float) -> str:
        """The secret of a person's visit."""
        ...

    def end(self, secret: str) -> None:
        """Sign out."""
        ...


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways in that there are here; a token is always one, `github` may be None."""

    tries: Tries
    visits: Visits
    github: GitHubSignIn | None = None


def local_path(path: str) -> str:
    """Where to go after signing in: a page of ours, whatever was asked for."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"
