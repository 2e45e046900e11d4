"""The pace of calls: a bucket of writes for each installation, and the pauses GitHub asked for."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from jobs.errors import Fault
from jobs.ports import Clock

PER_SECOND = 60 / 60
BURST = 10.0
PATIENCE_S = 20.0
"""A wait up to this long is sat out; a longer one is a fault that says how long, so that its run frees the worker."""


class Lane(Protocol):
    """Shared by every process that calls GitHub for the same installations."""

    def wait(self, installation: int, cost: float) -> None:
        """Return when a call may be sent. `cost` is 1 for a write and 0 for a read, which minds the pauses only.

        Raises Fault(`github_rate_limited`) with `retry_after` instead of waiting long.
        """
        ...

    def hold(self, installation: int, seconds: float) -> None:
        """Let nobody call for the installation for so long; never shortens a pause."""
        ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of an installation's writes at a moment; below zero, calls have been promised a later moment."""

    tokens: float = BURST
    at: float = 0.0
    not_before: float = 0.0


def taken(bucket: Bucket, now: float, cost: float) -> tuple[Bucket, float]:
    """The bucket after a call, and how long that call has to wait."""
    filled = min(BURST, bucket.tokens + max(0.0, now - bucket.at) * PER_SECOND)
    left = filled - cost
    paced = max(0.0, -left / PER_SECOND) if cost else 0.0
    return replace(bucket, tokens=left, at=max(now, bucket.at)), max(paced, bucket.not_before - now, 0.0)


def too_long(wait: float) -> Fault:
    """The fault of a wait nobody should sit out."""
    text = f"GitHub asked this installation to pause for another {wait:.0f} seconds; this goes on by itself afterwards."
    return Fault("github_rate_limited", text, retry_after=wait)


class MemoryLane:
    """The lane of a single process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[int, Bucket] = {}
        self._lock = threading.Lock()

    def wait(self, installation: int, cost: float) -> None:
        """See `Lane`."""
        pace(self._clock, lambda price: self._take(installation, price), cost)

    def hold(self, installation: int, seconds: float) -> None:
        """See `Lane`."""
        now = self._clock.now()
        with self._lock:
            bucket = self._buckets.get(installation, Bucket())
            self._buckets[installation] = replace(bucket, not_before=max(now + seconds, bucket.not_before))

    def _take(self, installation: int, cost: float) -> float:
        with self._lock:
            bucket, wait = taken(self._buckets.get(installation, Bucket()), self._clock.now(), cost)
            if wait <= PATIENCE_S:
                self._buckets[installation] = bucket
            return wait


def pace(clock: Clock, take: Callable[[float], float], cost: float) -> None:
    """Take from a bucket and wait as long as it says; then look whether a pause was asked for meanwhile.

    Raises Fault when a wait is too long; if that is the first one, nothing is taken.
    """
    wait = take(cost)
    while wait > 0:
        if wait > PATIENCE_S:
            raise too_long(wait)
        clock.sleep(wait)
        wait = take(0.0)
