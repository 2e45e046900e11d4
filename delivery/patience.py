"""Looking again: what GitHub was told is not at once what every one of its replicas answers."""

from collections.abc import Callable
from typing import TypeVar

from jobs.ports import Clock

T = TypeVar("T")
LAG_S = (1.0, 2.0, 4.0, 8.0)
"""Waits before each further look."""


def looked_again(look: Callable[[], T | None], clock: Clock) -> T | None:
    """What is found by one of the looks; None when none of them finds it."""
    for wait in LAG_S:
        clock.sleep(wait)
        found = look()
        if found is not None:
            return found
    return None
