"""When a callback is tried again, and when no more: the schedule of Standard Webhooks. Pure."""

import hashlib
from dataclasses import dataclass

SCHEDULE_S = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Waits before each try, about 76 hours in all."""
SPREAD = 0.1
MOST_WAIT_S = 24 * 3600.0
SLOW_S = 30.0
BUSY = frozenset({429, 502, 503, 504})
GONE = 410


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a failed try: another one at `at` (None: a dead letter), and what that says of the receiver.

    `quiet_until` is when anything may go to it again; `gone` says that nothing ever may.
    """

    at: float | None
    quiet_until: float | None = None
    gone: bool = False


def arrived(status: int) -> bool:
    """Whether a receiver took a callback. A redirect is not a yes: it is never followed."""
    return 200 <= status < 300


def after(message_id: str, tries: int, now: float, *, status: int | None = None, retry_after: float | None = None) -> Next:
    """What follows the failed try number `tries` (from 1) of a callback."""
    if status == GONE:
        return Next(None, gone=True)
    asked = min(retry_after or 0.0, MOST_WAIT_S)
    quiet = now + (asked or SLOW_S) if status in BUSY or asked else None
    if tries >= len(SCHEDULE_S):
        return Next(None, quiet)
    return Next(now + max(asked, SCHEDULE_S[tries] * _spread(message_id, tries)), quiet)


def _spread(message_id: str, tries: int) -> float:
    """Between 0.9 and 1.1, always the same for the same try of the same callback."""
    share = int.from_bytes(hashlib.sha256(f"{message_id}:{tries}".encode()).digest()[:4]) / 0xFFFFFFFF
    return 1 - SPREAD + 2 * SPREAD * share
