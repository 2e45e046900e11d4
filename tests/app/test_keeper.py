"""The keeper: every tick once, whoever asks; and whatever was lost is rung for again."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from app.keeper import Duty, Keeper, Rounds, standing
from infra.store import schema
from infra.store.announcements import SqlAnnouncements
from infra.store.doubt import StoreInDoubt
from infra.store.engine import open_store
from infra.store.inbox import Delivery, SqlInbox
from infra.store.keeping import SqlTicks, SqlWorkers
from infra.store.ledger import SqlLedger
from jobs.errors import Fault
from tests.fakes.engine import FakeClock
from tests.infra.store.asked import start


@dataclass
class FakeBell:
    """Remembers who was rung for."""

    rung: list[tuple[str, object, str | None]] = field(default_factory=list)

    def ring_many(self, function: str, rows: Iterable[int | str], queue: str | None = None) -> None:
        self.rung += [(function, row, queue) for row in rows]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path, clock: FakeClock) -> Iterator[sa.Engine]:
    store = open_store(tmp_path, clock=clock)
    yield store
    store.dispose()


def rounds(engine: sa.Engine, bell: FakeBell) -> Rounds:
    ledger, ticks = SqlLedger(engine), SqlTicks(engine)
    return Rounds(SqlInbox(engine), ledger, SqlAnnouncements(engine), SqlWorkers(engine), ticks, bell)


def keeper(engine: sa.Engine, clock: FakeClock, *duties: Duty, name: str = "k1", host: str = "h1") -> Keeper:
    return Keeper(SqlTicks(engine), duties, clock, name=name, host=host)


def test_three_keepers_do_each_tick_once(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: 001-13, 002-04, F29, I15."""
    done: list[int] = []
    duty = Duty("count", 5, lambda: done.append(int(clock.at // 5)))
    keepers = [keeper(engine, clock, duty, name=f"k{number}") for number in range(3)]
    for _ in range(10):
        threads = [threading.Thread(target=one.rounds) for one in keepers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.sleep(5)
    assert len(done) == 10
    assert set(Counter(done).values()) == {1}


def test_a_keeper_that_starts_again_does_no_tick_twice(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: 002-04."""
    done: list[str] = []
    duty = Duty("count", 60, lambda: done.append("x"))
    keeper(engine, clock, duty, name="before").rounds()
    keeper(engine, clock, duty, name="after").rounds()
    assert done == ["x"]


def test_what_a_keeper_was_doing_when_it_ended_is_done_by_the_next_and_nothing_else(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: F29, F32."""
    done: list[str] = []
    workers = SqlWorkers(engine)
    workers.started("before", role="keeper", host="h1", pid=1, version="1", config_hash="c")

    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    whole, half = Duty("whole", 86_400, lambda: done.append("whole")), Duty("half", 86_400, killed)
    with pytest.raises(Killed):
        keeper(engine, clock, whole, half, name="before").rounds()
    after = (whole, Duty("half", 86_400, lambda: done.append("half")))
    keeper(engine, clock, *after, name="beside").rounds()
    assert done == ["whole"]
    workers.ended("before")
    for name in ("after", "third"):
        keeper(engine, clock, *after, name=name).rounds()
    assert done == ["whole", "half"]


def test_a_keeper_that_is_leaving_begins_nothing_more(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: F32."""
    done: list[str] = []
    duties = [Duty(name, 5, lambda name=name: done.append(name)) for name in ("first", "second")]
    keeper(engine, clock, *duties, name="before").rounds(lambda: bool(done))
    assert done == ["first"]
    keeper(engine, clock, *duties, name="after").rounds()
    assert done == ["first", "second"]


def test_a_duty_of_each_host_is_done_on_each(engine: sa.Engine, clock: FakeClock) -> None:
    done: list[str] = []
    duty = Duty("sweep", 60, lambda: done.append("x"), each_host=True)
    for host in ("h1", "h2", "h1"):
        keeper(engine, clock, duty, host=host).rounds()
    assert done == ["x", "x"]


def test_what_a_tick_came_to_is_kept(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: 001-42."""
    keeper(engine, clock, Duty("one", 60, lambda: ["a", "b"]), Duty("none", 60, list), Duty("quiet", 60, lambda: None)).rounds()
    with engine.connect() as connection:
        kept = dict(connection.execute(sa.select(schema.tick.c.duty, schema.tick.c.result)).all())
    assert kept == {"one": "2: a, b", "none": "0", "quiet": "done"}


def test_a_duty_that_cannot_be_done_keeps_no_other_from_being_done(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: 000-09."""
    done: list[str] = []

    def broken() -> None:
        raise Fault("github_unavailable", "GitHub does not answer.")

    keeper(engine, clock, Duty("broken", 5, broken), Duty("whole", 5, lambda: done.append("x"))).rounds()
    assert done == ["x"]


@dataclass
class DoubtfulTicks:
    """A record that is not to be had for a while."""

    ticks: SqlTicks
    failing: int

    def take(self, duty: str, slot: int, by: str) -> bool:
        self.failing -= 1
        if self.failing >= 0:
            raise StoreInDoubt("The disk is full.")
        return self.ticks.take(duty, slot, by)

    def ended(self, duty: str, slot: int, result: str) -> None:
        self.ticks.ended(duty, slot, result)

    def forget(self, older_than_s: float) -> int:
        return self.ticks.forget(older_than_s)


def test_a_store_in_doubt_is_said_once_a_round_ever_more_seldom_and_no_tick_is_lost_by_it(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: I19, F41, 001-07."""
    done: list[str] = []
    duties = [Duty(name, 86_400, lambda name=name: done.append(name)) for name in ("one", "two", "three")]
    mine = Keeper(DoubtfulTicks(SqlTicks(engine), failing=8), duties, clock, name="k", host="h")
    with capture_logs() as lines:
        assert [mine.rounds() for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert done == []
    assert [line["event"] for line in lines] == ["duties wait: the store is in doubt"] * 8
    with capture_logs() as lines:
        mine.rounds()
    assert done == ["one", "two", "three"]
    assert [line["event"] for line in lines] == ["duties go on: the store answers again"]


def test_it_says_when_something_is_due_again(engine: sa.Engine, clock: FakeClock) -> None:
    clock.at = 1_000_003.0
    assert keeper(engine, clock, Duty("five", 5, list), Duty("sixty", 60, list)).rounds() == 2.0


def test_two_duties_of_one_name_are_a_mistake(engine: sa.Engine, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="same name"):
        keeper(engine, clock, Duty("one", 5, list), Duty("one", 6, list))


def _webhook(engine: sa.Engine) -> tuple[str, object, str | None]:
    row = Delivery(app="1", event="issues", delivery="d1", action="labeled", remote="-", verified_by="secret:1", body=b"{}")
    return "intake", SqlInbox(engine).insert([row])[0][0], None


def _run(engine: sa.Engine) -> tuple[str, object, str | None]:
    return "advance", start(engine).id, None


def _test_run(engine: sa.Engine) -> tuple[str, object, str | None]:
    return "advance", start(engine, test=True).id, "test"


def _announcement(engine: sa.Engine) -> tuple[str, object, str | None]:
    return "relay", start(engine).id, None


@pytest.mark.parametrize("lost", [_webhook, _run, _test_run, _announcement])
def test_what_nobody_was_rung_for_is_rung_for_within_seconds(
    engine: sa.Engine, clock: FakeClock, lost: Callable[[sa.Engine], tuple[str, object, str | None]]
) -> None:
    """Proves: F20, F22, I22, 001-12."""
    bell = FakeBell()
    expected = lost(engine)
    clock.sleep(60)
    mine = keeper(engine, clock, *standing(rounds(engine, bell)))
    assert mine.rounds() <= 5
    assert expected in bell.rung
    assert not [one for one in bell.rung if one[0] == expected[0] and one[2] != expected[2]]


def test_a_run_whose_worker_is_gone_is_taken_back_and_rung_for_in_the_same_round(engine: sa.Engine, clock: FakeClock) -> None:
    """Proves: 001-01, 001-21, I05."""
    bell, run = FakeBell(), start(engine)
    assert SqlLedger(engine).claim("agents", "gone", run.id)
    mine = keeper(engine, clock, *standing(rounds(engine, bell)))
    mine.rounds()
    assert ("advance", run.id, None) not in bell.rung
    clock.sleep(60)
    mine.rounds()
    assert ("advance", run.id, None) in bell.rung
    assert SqlLedger(engine).load(run.id).lost_workers == 1


def test_the_table_of_duties_is_this() -> None:
    names = [duty.name for duty in standing(rounds(sa.create_engine("sqlite://"), FakeBell()))]
    assert names == [
        "take back lost leases", "end waits",
        "ring for webhooks", "ring for runs", "ring for test runs", "ring for announcements",
        "notice stuck runs", "bury silent workers", "forget old ticks",
    ]  # fmt: skip
