"""One look for all who listen."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import pytest

from app.api.watching import CALM_S, KEPT, LOOK_S, News, Watch

NOTHING = frozenset[str]()
PATIENCE_S = 20.0


@dataclass
class Store:
    """What happens, run by run; counts who looks."""

    happened: list[str] = field(default_factory=list)
    looks: list[tuple[int, int]] = field(default_factory=list)

    def latest(self, event: int, line: int) -> tuple[int, int, int, frozenset[str]]:
        self.looks.append((event, line))
        return len(self.happened), 0, 0, frozenset(self.happened[event:]) if event >= 0 else NOTHING


@dataclass
class Hands:
    """A clock that is put forward by hand."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


def running(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(PATIENCE_S):
            await test()

    anyio.run(bounded)


def test_however_many_listen_there_is_one_look_at_a_time() -> None:
    """Proves: I20."""
    store, clock = Store(), Hands()
    watch = Watch(store, clock)

    async def test() -> None:
        for _ in range(3):
            async with anyio.create_task_group() as everybody:
                for _ in range(200):
                    everybody.start_soon(watch.look)
            clock.at += LOOK_S

    running(test)
    assert len(store.looks) == 3


def test_whoever_follows_a_run_reads_when_something_happened_to_it_and_not_for_others() -> None:
    """Proves: 004-26."""
    store, clock = Store(), Hands()
    watch, woken = Watch(store, clock), list[str]()

    async def follow(run_id: str, closing: anyio.Event) -> None:
        await watch.happened(run_id, watch.turn, closing)
        woken.append(run_id)

    async def test() -> None:
        closing = anyio.Event()
        await watch.look()
        async with anyio.create_task_group() as everybody:
            everybody.start_soon(follow, "one", closing)
            everybody.start_soon(follow, "other", closing)
            await anyio.sleep(0)
            store.happened.append("one")
            clock.at += LOOK_S
            while not woken:
                await anyio.sleep(0.01)
            assert woken == ["one"]
            closing.set()

    running(test)
    assert woken == ["one", "other"]


def test_what_a_look_noticed_while_a_listener_read_is_not_slept_through() -> None:
    """It was stored after the listener had read, and noticed before it began to wait."""
    store, clock = Store(), Hands()
    watch = Watch(store, clock)

    async def test() -> None:
        await watch.look()
        turn = watch.turn
        store.happened.append("one")
        clock.at += LOOK_S
        await watch.look()
        await watch.happened("one", turn, anyio.Event())

    running(test)
    assert len(store.looks) == 2


@pytest.mark.parametrize("calm_s", [CALM_S, 10 * CALM_S])
def test_whoever_hears_nothing_reads_for_itself_after_a_while(calm_s: float) -> None:
    """An event that was committed after one with a larger number stands before the mark of every look."""
    clock = Hands()
    watch = Watch(Store(), clock)

    async def test() -> None:
        async with anyio.create_task_group() as everybody:
            everybody.start_soon(watch.happened, "one", watch.turn, anyio.Event())
            await anyio.sleep(0)
            clock.at += calm_s

    running(test)


def test_after_a_time_without_listeners_nothing_is_made_up_for() -> None:
    """Whoever comes reads by their own mark; what happened overnight is not gone through."""
    store, clock = Store(), Hands()
    watch = Watch(store, clock)

    async def test() -> None:
        await watch.look()
        store.happened += [f"run {number}" for number in range(1000)]
        clock.at += 3600.0
        assert (await watch.look()).runs == NOTHING

    running(test)


def test_what_is_remembered_of_runs_is_bounded() -> None:
    """Proves: I20."""
    store, clock = Store(), Hands()
    watch = Watch(store, clock)

    async def test() -> None:
        for number in range(3 * KEPT):
            await watch.look()
            store.happened.append(f"run {number}")
            clock.at += LOOK_S

    running(test)
    assert len(watch._last) <= KEPT
    assert watch.newest == News(3 * KEPT - 1, 0, 0, frozenset({f"run {3 * KEPT - 2}"}))
