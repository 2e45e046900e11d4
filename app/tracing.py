"""The keeper's duty of telling a collector about runs that ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from delivery.traces import Arrival, Span, spans

MOST = 50
EVENTS = 500


class Ended(Protocol):
    """Runs that ended and were not told of."""

    def next(self, limit: int) -> Sequence[tuple[str, float]]:
        """Their ids and when each ended, oldest first."""
        ...

    def told(self, run_id: str, ended_at: float) -> None:
        """The run and every one before it is told."""
        ...

    def arrival(self, run_id: str) -> Arrival | None:
        """The webhook a run comes from."""
        ...


class Reading(Protocol):
    """What is stored of a run."""

    def run(self, run_id: str) -> Mapping[str, Any]:
        """Its page."""
        ...

    def events(self, run_id: str, *, after: int = 0, limit: int = ...) -> Sequence[Mapping[str, Any]]:
        """What happened to it."""
        ...


class Collector(Protocol):
    """Takes traces."""

    def tell(self, traces: Mapping[str, Sequence[Span]]) -> None:
        """Raises Fault when they did not arrive."""
        ...


@dataclass(frozen=True, slots=True)
class TellTraces:
    """Tells of the next runs. What did not arrive is told again at the next tick, as the same spans."""

    ended: Ended
    reading: Reading
    collector: Collector

    def __call__(self) -> str:
        """How many were told."""
        runs = self.ended.next(MOST)
        if runs:
            self.collector.tell({run_id: self._trace(run_id) for run_id, _ in runs})
            self.ended.told(*runs[-1])
        return f"{len(runs)} told"

    def _trace(self, run_id: str) -> list[Span]:
        events: list[Mapping[str, Any]] = []
        while more := self.reading.events(run_id, after=events[-1]["seq"] if events else 0, limit=EVENTS):
            events += more
        return spans(self.reading.run(run_id), events, self.ended.arrival(run_id))
