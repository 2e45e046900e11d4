"""Runs that are asked for by the clock. When each was last asked for is in the store: a restart asks for none of them again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim

from app.server_file import Schedule
from jobs.errors import Fault, UserError
from jobs.model import Repository, Run, RunRequest, Source
from jobs.ports import Clock
from jobs.rules import Rules

log = structlog.get_logger("slipway.schedules")
ON_TIME_S = 120.0
"""Later than this a time was missed."""


class Runs(Protocol):
    """Where runs are asked for."""

    def start(self, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
        """Record and queue; the same intent key again is the same run."""
        ...


class Catalogue(Protocol):
    """The repositories."""

    def find(self, name: str) -> Repository:
        """Raises UserError or Fault."""
        ...

    def rules(self, repository: Repository) -> Rules:
        """Raises UserError or Fault."""
        ...


class Ticks(Protocol):
    """The record of what was done when."""

    def last(self, duty: str) -> int | None:
        """The newest slot of a duty."""
        ...

    def take(self, duty: str, slot: int, by: str) -> bool:
        """Record a slot."""
        ...

    def ended(self, duty: str, slot: int, result: str) -> None:
        """What came of it."""
        ...


class Bell(Protocol):
    """Wakes workers."""

    def ring(self, function: str, row: str) -> None:
        """Ring for a run."""
        ...


class What(Enum):
    """What is to be done about a schedule's newest time."""

    NOTHING = auto()
    RUN = auto()
    NOTE = auto()


def latest(schedule: Schedule, now: float) -> int:
    """The newest time of a schedule that is not after `now`, in minutes since the epoch."""
    here = datetime.fromtimestamp(now + 1, ZoneInfo(schedule.zone))  # cronsim's own times lie before the one it is given
    return int(next(CronSim(schedule.cron, here, reverse=True)).astimezone(UTC).timestamp()) // 60


def decide(schedule: Schedule, last: int | None, slot: int, now: float) -> What:
    """Whether the newest time is to be run, is only to be noted, or is already dealt with.

    A schedule that is seen for the first time begins with its next time, however long it has existed on paper.
    """
    if last is not None and slot <= last:
        return What.NOTHING
    on_time = now - slot * 60 <= ON_TIME_S
    made_up_for = last is not None and schedule.missed == "run_once"
    return What.RUN if on_time or made_up_for else What.NOTE


@dataclass(frozen=True, slots=True)
class Schedules:
    """Asks for what is due; called every half minute or so, by any number of keepers."""

    schedules: Sequence[Schedule]
    ticks: Ticks
    runs: Runs
    catalogue: Catalogue
    bell: Bell
    clock: Clock

    def __call__(self) -> list[str]:
        """The ids of the runs that were asked for."""
        return [run_id for schedule in self.schedules for run_id in self._due(schedule)]

    def _due(self, schedule: Schedule) -> Iterator[str]:
        duty, now = f"schedule {schedule.name}", self.clock.now()
        slot = latest(schedule, now)
        what = decide(schedule, self.ticks.last(duty), slot, now)
        if what is What.NOTHING:
            return
        result = "noted"
        if what is What.RUN:
            try:
                result = self._asked(schedule, slot)
                yield result
            except UserError as error:
                result = f"cannot run: {error}"
                log.error("a schedule cannot run", schedule=schedule.name, reason=str(error))
            except Fault as fault:  # another time, soon
                log.warning("a schedule has to wait", schedule=schedule.name, reason=fault.reason.text)
                return
        if self.ticks.take(duty, slot, "schedules"):  # after the run, which is the same however often it is asked for
            self.ticks.ended(duty, slot, result)

    def _asked(self, schedule: Schedule, slot: int) -> str:
        repository = self.catalogue.find(schedule.repository)
        request = RunRequest(
            intent_key=f"schedule:{repository.id}:{schedule.name}:{slot}",
            repository=repository,
            source=Source("schedule"),
            title=schedule.title,
            body=schedule.body,
            flow=schedule.flow,
            priority=schedule.priority,
        )
        run, fresh = self.runs.start(request, self.catalogue.rules(repository))
        if fresh:
            self.bell.ring("advance", run.id)
        return run.id
