"""Every machine goes by the time of the store."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from app.settings import load
from app.wiring.ground import Ground
from infra.clock import SystemClock
from infra.store.reading import SqlReading
from infra.store.shared_clock import FRESH_S, StoreClock
from tests.fakes.engine import FakeClock
from tests.infra.store.conftest import Place


@dataclass
class Wrong(FakeClock):
    """A machine whose clock is off by some seconds, and jumps while it runs."""

    off: float = 0.0

    def now(self) -> float:
        return self.at + self.off


@pytest.mark.parametrize("off", [-3600.0, 0.0, 300.0])
def test_a_machine_with_a_wrong_clock_has_the_stores_time(engine: sa.Engine, off: float) -> None:
    """Proves: F34."""
    local = Wrong(off=off)
    clock = StoreClock(engine, local)
    stored = SqlReading(engine).ping()
    assert stored - 5 < clock.now() < stored + 5
    local.off += 3600
    assert stored - 5 < clock.now() < stored + 5
    clock.sleep(30)
    assert stored + 25 < clock.now() < stored + 35
    clock.sleep(FRESH_S)
    assert stored - 5 < clock.now() < stored + 5, "measured anew"
    assert clock.monotonic() == local.monotonic()


def test_the_service_goes_by_the_servers_clock_where_there_is_a_server(place: Place) -> None:
    """Proves: F34."""
    told = {"HOME": str(place.data), "SLIPWAY_DATA_DIR": str(place.data), "SLIPWAY_REDIS_URL": "unix:///nowhere"}
    ground = Ground(load({**told, **({"SLIPWAY_DATABASE_URL": place.url} if place.url else {})}))
    assert type(ground.clock) is (StoreClock if place.url else SystemClock)
    assert abs(ground.clock.now() - SqlReading(ground.engine).ping()) < 5
    ground.close()


def test_while_the_store_is_away_time_goes_on() -> None:
    local = FakeClock()
    away = sa.create_engine("sqlite:///nowhere/at/all.db")
    clock = StoreClock(away, local)
    first = clock.now()
    clock.sleep(FRESH_S + 1)
    assert (first, clock.now()) == (1_000_000.0, 1_000_000.0 + FRESH_S + 1)
