"""What has to happen from time to time. Any number of keepers may run: each tick of a duty is a row, taken by one of them.

The table says what and how often; the work itself is done elsewhere. Nothing here is needed for a run to be right, only for
it to be soon: a bell that was lost, a worker that is gone and a wait that is over are found here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.storms import Storm
from infra.store.doubt import StoreInDoubt
from jobs.errors import Fault
from jobs.ports import Clock

log = structlog.get_logger("slipway.keeper")
MOST = 200
SILENT_S = 60.0
DAY_S = 86_400.0


class Ticks(Protocol):
    """The record of what was done when."""

    def take(self, duty: str, slot: int, by: str) -> bool:
        """Whether this tick is the caller's to do: nobody else's, or that of one who ended in the middle of it."""
        ...

    def ended(self, duty: str, slot: int, result: str) -> None:
        """What came of it."""
        ...

    def forget(self, older_than_s: float) -> int:
        """Remove old rows."""
        ...


class Due(Protocol):
    """Rows that wait for somebody to look at them."""

    def due(self, limit: int = ...) -> Sequence[int] | Sequence[str]:
        """Their ids, the most urgent first."""
        ...


class Ledger(Protocol):
    """Runs nobody holds."""

    def due(self, limit: int = ..., queue: str | None = ...) -> Sequence[str]:
        """Queued runs that could be claimed."""
        ...

    def expire(self) -> Sequence[str]:
        """Take back what lost workers held."""
        ...

    def wake(self) -> Sequence[str]:
        """Queue what waited for a time that has come."""
        ...

    def notice(self) -> Sequence[str]:
        """Write down which held runs should have ended long ago."""
        ...


class Workers(Protocol):
    """The record of processes."""

    def bury(self, silent_s: float) -> Sequence[str]:
        """Mark those that are silent as ended."""
        ...


class Bell(Protocol):
    """Wakes workers."""

    def ring_many(self, function: str, rows: Iterable[int | str], queue: str | None = None) -> None:
        """Ring for many rows at once."""
        ...


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every `every_s` seconds; what it returns is kept with the tick. On each host, where `each_host`."""

    name: str
    every_s: float
    do: Callable[[], object]
    each_host: bool = False


@dataclass(frozen=True, slots=True)
class Rounds:
    """What the standing duties look at."""

    inbox: Due
    ledger: Ledger
    announcements: Due
    workers: Workers
    ticks: Ticks
    bell: Bell


def standing(rounds: Rounds) -> tuple[Duty, ...]:
    """The duties of every installation, in their order: what is taken back or wakes is rung for in the same round."""
    return (
        Duty("take back lost leases", 5, rounds.ledger.expire),
        Duty("end waits", 5, rounds.ledger.wake),
        Duty("ring for webhooks", 5, lambda: _ring(rounds.bell, "intake", rounds.inbox.due(MOST))),
        Duty("ring for runs", 5, lambda: _ring(rounds.bell, "advance", rounds.ledger.due(MOST, "agents"))),
        Duty("ring for test runs", 5, lambda: _ring(rounds.bell, "advance", rounds.ledger.due(MOST, "test"), "test")),
        Duty("ring for announcements", 5, lambda: _ring(rounds.bell, "relay", rounds.announcements.due(MOST))),
        Duty("notice stuck runs", 60, rounds.ledger.notice),
        Duty("bury silent workers", 30, lambda: rounds.workers.bury(SILENT_S)),
        Duty("forget old ticks", 3600, lambda: rounds.ticks.forget(DAY_S)),
    )


def _ring(bell: Bell, function: str, rows: Sequence[int] | Sequence[str], queue: str | None = None) -> object:
    if rows:
        bell.ring_many(function, rows, queue)
    return rows


class Keeper:
    """Does the duties whose time has come. `name` and `host` say in the ticks who did them."""

    def __init__(self, ticks: Ticks, duties: Sequence[Duty], clock: Clock, *, name: str, host: str) -> None:
        if len({duty.name for duty in duties}) != len(duties):
            raise ValueError("two duties have the same name")
        self._ticks, self._duties, self._clock, self._name, self._host = ticks, duties, clock, name, host
        self._slots: dict[str, int] = {}
        self._storm = Storm(log, "duties")

    def rounds(self, is_leaving: Callable[[], bool] = lambda: False) -> float:
        """Do everything that is due; returns the seconds until something is due again. Who is leaving begins nothing more.

        A store in doubt ends the round, since no duty can do without it: that is said once a round, and each round waits longer.
        """
        for duty in self._duties:
            if is_leaving():
                break
            slot = int(self._clock.now() // duty.every_s)
            if self._slots.get(duty.name) != slot:
                try:
                    self._try(duty, slot)
                except StoreInDoubt as doubt:
                    return self._storm.met(doubt)
                self._slots[duty.name] = slot
                self._storm.over()
        now = self._clock.now()
        return min((duty.every_s - now % duty.every_s for duty in self._duties), default=1.0)

    def _try(self, duty: Duty, slot: int) -> None:
        name = f"{duty.name} on {self._host}" if duty.each_host else duty.name
        try:
            if self._ticks.take(name, slot, self._name):
                self._ticks.ended(name, slot, _told(duty.do()))
        except StoreInDoubt:
            raise
        except Fault as fault:  # one duty that cannot be done keeps no other from being done
            log.warning("a duty could not be done", duty=name, reason=fault.reason.code, text=fault.reason.text)


def _told(result: object) -> str:
    """A result as it is kept with the tick."""
    if isinstance(result, Sequence) and not isinstance(result, str):
        return f"{len(result)}: {', '.join(str(one) for one in result[:10])}" if result else "0"
    return str(result if result is not None else "done")[:500]
