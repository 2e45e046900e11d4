"""Callbacks in lanes: one receiver's trouble is nobody else's."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from app.lanes import ASIDE_S, IDLE_S, MOST, MOST_FAILING, Lanes
from delivery.callbacks import Callbacks
from infra.clock import SystemClock
from infra.store.breaker import mark_of
from infra.store.doubt import StoreAway
from infra.store.engine import database, open_store
from infra.store.outbox import Lane, SqlOutbox
from infra.store.runs import SqlRuns
from jobs.errors import Fault
from jobs.rules import CallbackRule
from tests.delivery import runs
from tests.fakes.engine import FakeClock

SLOW, QUICK = "https://slow.example/hook", "https://quick.example/hook"
PATIENCE_S = 20.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    store = open_store(tmp_path)
    yield store
    store.dispose()


@pytest.fixture
def outbox(engine: sa.Engine) -> SqlOutbox:
    """Two runs were asked for, and both receivers are to be told of both."""
    asking = SqlRuns(engine, messages=Callbacks((CallbackRule(url=SLOW), CallbackRule(url=QUICK))))
    for number in (7, 8):
        asking.start(runs.request(intent_key=f"label:42:{number}"), runs.rules())
    return SqlOutbox(engine)


@dataclass
class Posts:
    """Sends, and waits at the slow receiver until it is let go."""

    outbox: SqlOutbox
    let_go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    twice: list[str] = field(default_factory=list)
    _at: set[str] = field(default_factory=set)

    def __call__(self, row_id: str) -> None:
        row = self.outbox.claim(row_id)
        assert row
        if row.url in self._at:
            self.twice.append(row.url)
        self._at.add(row.url)
        if row.url == SLOW:
            self.begun.set()
            assert self.let_go.wait(PATIENCE_S)
        self.outbox.sent(row, 204)
        self._at.discard(row.url)


def sent(outbox: SqlOutbox) -> list[str]:
    return sorted(row["url"] for row in outbox.listing("sent"))


def filled(lanes: Lanes, until: object) -> None:
    """Fill lanes until something is so."""
    assert callable(until)
    over = threading.Event()
    timer = threading.Timer(PATIENCE_S, over.set)
    timer.start()
    while not until():
        assert not over.is_set()
        over.wait(min(lanes.fill(), 0.02))
    timer.cancel()


def test_a_receiver_that_does_not_answer_delays_no_other(outbox: SqlOutbox) -> None:
    """Proves: F95, I10, I20."""
    posts = Posts(outbox)
    lanes = Lanes(outbox, posts, SystemClock())
    filled(lanes, lambda: sent(outbox) == [QUICK, QUICK])
    assert posts.begun.wait(PATIENCE_S)
    posts.let_go.set()
    filled(lanes, lambda: len(sent(outbox)) == 4)
    lanes.close()
    assert posts.twice == []


def test_whoever_leaves_finishes_what_is_on_its_way_and_begins_nothing(outbox: SqlOutbox) -> None:
    """Proves: F32."""
    posts = Posts(outbox)
    lanes = Lanes(outbox, posts, SystemClock())
    filled(lanes, lambda: posts.begun.is_set() and sent(outbox) == [QUICK, QUICK])
    threading.Timer(0.05, posts.let_go.set).start()
    lanes.close()
    assert sent(outbox) == [QUICK, QUICK, SLOW]


def test_a_bug_and_a_fault_with_one_receiver_leave_the_others_alone(outbox: SqlOutbox) -> None:
    """Proves: 000-09."""
    clock = FakeClock()
    posts, broken = Posts(outbox), iter([ValueError("a bug"), Fault("store_doubt", "The store does not answer.")])

    def send(row_id: str) -> None:
        row = next(row for row in outbox.listing() if row["id"] == row_id)
        if row["url"] == SLOW:
            raise next(broken, Fault("store_doubt", "Still."))
        posts(row_id)

    lanes = Lanes(outbox, send, clock)
    filled(lanes, lambda: sent(outbox) == [QUICK, QUICK] and _later(clock) and next(broken, None) is None)
    lanes.close()


def test_a_lane_that_broke_is_left_alone_for_a_while(outbox: SqlOutbox) -> None:
    """What broke it is seldom over at once: it neither fills the log nor takes anybody's time."""
    clock, asked = FakeClock(), Counter[str]()

    def send(row_id: str) -> None:
        asked[next(row["url"] for row in outbox.listing() if row["id"] == row_id)] += 1
        raise ValueError("a bug")

    lanes = Lanes(outbox, send, clock)
    filled(lanes, lambda: asked[SLOW] and asked[QUICK] and not lanes.fill() < IDLE_S)
    assert asked == {SLOW: 1, QUICK: 1}
    filled(lanes, lambda: _later(clock) and asked[SLOW] > 1 and asked[QUICK] > 1)
    lanes.close()


def test_no_error_of_the_store_ends_the_sender(engine: sa.Engine, outbox: SqlOutbox) -> None:
    """It says what is wrong, asks less and less often, and goes on by itself."""
    posts = Posts(outbox)
    posts.let_go.set()
    lanes = Lanes(outbox, posts, SystemClock())
    _run(engine, "ALTER TABLE outbox RENAME TO away")
    with structlog.testing.capture_logs() as lines:
        waits = [lanes.fill() for _ in range(3)]
        _run(engine, "ALTER TABLE away RENAME TO outbox")
        filled(lanes, lambda: len(sent(outbox)) == 4)
    lanes.close()
    assert waits == [1.0, 2.0, 4.0]
    assert [(line["log_level"], line["event"]) for line in lines] == [
        *[("error", "callbacks wait: the store refused a statement")] * 3,
        ("warning", "callbacks go on: the store answers again"),
    ]


def test_damage_is_an_alarm_until_somebody_has_looked(tmp_path: Path, outbox: SqlOutbox) -> None:
    """Proves: F42."""
    posts = Posts(outbox)
    posts.let_go.set()
    lanes, mark = Lanes(outbox, posts, SystemClock()), mark_of(database(tmp_path))
    mark.write_text("database disk image is malformed")
    with structlog.testing.capture_logs() as lines:
        lanes.fill()
    assert [(line["log_level"], line["event"]) for line in lines] == [("error", "callbacks wait: the store is in doubt")]
    mark.unlink()
    filled(lanes, lambda: len(sent(outbox)) == 4)
    lanes.close()


@dataclass
class Away:
    """A store that another process has locked."""

    def lanes(self, limit: int = 100) -> list[Lane]:
        raise StoreAway("The database stayed locked.")

    def next_for(self, url: str) -> str | None:
        raise NotImplementedError


def test_a_lock_is_a_warning_and_no_alarm() -> None:
    """Proves: F40."""
    lanes = Lanes(Away(), lambda row: None, SystemClock())
    with structlog.testing.capture_logs() as lines:
        waits = [lanes.fill() for _ in range(8)]
    lanes.close()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert {(line["log_level"], line["event"]) for line in lines} == {("warning", "callbacks wait: the store is locked or away")}


def _later(clock: FakeClock) -> bool:
    clock.at += ASIDE_S
    return True


def _run(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


@dataclass
class Crowd:
    """Very many receivers, of which some failed last."""

    failing: int
    well: int

    def lanes(self, limit: int = 100) -> list[Lane]:
        told = [Lane(f"https://well{n}.example", False) for n in range(self.well)]
        return [*told, *(Lane(f"https://failing{n}.example", True) for n in range(self.failing))][:limit]

    def next_for(self, url: str) -> str | None:
        return url


def test_those_that_failed_last_never_have_every_lane() -> None:
    """Proves: F95, I20."""
    crowd, let_go, begun = Crowd(failing=10 * MOST, well=0), threading.Event(), []

    def send(url: str) -> None:
        begun.append(url)
        let_go.wait(PATIENCE_S)

    lanes = Lanes(crowd, send, SystemClock())
    filled(lanes, lambda: len(begun) == MOST_FAILING)
    crowd.well = 3
    filled(lanes, lambda: len(begun) == MOST_FAILING + 3)
    assert sum("well" in url for url in begun) == 3
    let_go.set()
    lanes.close()


def test_receivers_that_take_callbacks_come_first(outbox: SqlOutbox) -> None:
    """Proves: F95."""
    first = outbox.next_for(SLOW)
    assert first
    row = outbox.claim(first)
    assert row
    outbox.failed(row, 500, "server error", 0.0)
    assert outbox.lanes() == [Lane(QUICK, False), Lane(SLOW, True)]
    outbox.slow_down(SLOW, 9e9)
    assert outbox.lanes() == [Lane(QUICK, False)]
    assert outbox.next_for(SLOW) is None
