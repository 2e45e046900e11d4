"""The lane of an installation on SQL: one bucket for every process, and pauses nobody shortens."""

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from infra.github.lane import BURST
from infra.github_lane import SqlLane
from infra.store.schema import lane
from jobs.errors import Fault
from tests.fakes.engine import FakeClock
from tests.infra.store.conftest import Place


@dataclass
class Waiting(FakeClock):
    """Notes a wait and ends it at once, by taking the pause or the debt out of the store."""

    engine: sa.Engine | None = None
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        assert self.engine
        with self.engine.begin() as connection:
            connection.execute(sa.update(lane).values(not_before=0.0))


def test_a_burst_goes_at_once_and_the_next_write_waits_for_its_second(place: Place) -> None:
    """Proves: I14."""
    one, other = place.open(), place.open()
    clock = Waiting(engine=one)
    for number in range(int(BURST)):
        SqlLane((one, other)[number % 2], clock).wait(5, 1.0)
    assert clock.slept == []
    SqlLane(one, clock).wait(5, 1.0)
    SqlLane(other, clock).wait(6, 1.0)
    assert len(clock.slept) == 1
    assert 0 < clock.slept[0] <= 1.0
    for engine in (one, other):
        engine.dispose()


def test_a_pause_holds_reads_and_writes_of_its_installation_only(engine: sa.Engine) -> None:
    """Proves: F75."""
    slow = SqlLane(engine, FakeClock())
    slow.hold(5, 600)
    slow.hold(5, 60)
    for cost in (0.0, 1.0):
        with pytest.raises(Fault) as fault:
            slow.wait(5, cost)
        assert fault.value.reason.code == "github_rate_limited"
        assert fault.value.retry_after is not None
        assert 590 < fault.value.retry_after <= 600
    slow.wait(6, 1.0)


def test_a_short_pause_is_sat_out(engine: sa.Engine) -> None:
    clock = Waiting(engine=engine)
    SqlLane(engine, clock).hold(5, 15)
    SqlLane(engine, clock).wait(5, 0.0)
    assert 14 < clock.slept[0] <= 15
