"""Whatever the main thread waits for, it is interrupted once its run is to be over, and not while it stores what came of it."""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.interrupting import AGAIN, PATIENCE, Interrupting
from infra.process import Bounds, Command, run
from infra.workspaces.layout import locked
from jobs import events as e
from jobs.errors import Fault, Interrupted, Reason

STOPPED = e.Cancelled(Reason("stopped", "Enough."))
LATE = e.GaveUp(Reason("wall_timeout", "It took too long."))
LOOK_S = 0.01


@dataclass
class Phase:
    """A hold in the middle of a phase."""

    open: bool = True


def wait_for_a_lock(place: Path) -> None:
    holder = os.open(place / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        with locked(place / "lock"):
            raise AssertionError("it was free")
    finally:
        os.close(holder)


def wait_for_a_program(place: Path) -> None:
    run(Command(("sh", "-c", f"trap '' TERM; echo $$ > {place}/pid; sleep 600"), {"PATH": os.environ["PATH"]}), Bounds(600))


def wait_in_an_event_loop(place: Path) -> None:
    with asyncio.Runner() as runner:
        runner.run(asyncio.sleep(600))


def wait_for_a_thread(place: Path) -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    threading.enumerate()[-1].join()


WAITS: Mapping[str, Callable[[Path], None]] = {
    "a lock another process holds": wait_for_a_lock,
    "a program that does not end": wait_for_a_program,
    "an event loop": wait_in_an_event_loop,
    "a thread": wait_for_a_thread,
    "time": lambda place: time.sleep(600),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("event", [STOPPED, LATE], ids=["stopped", "late"])
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_it_ends(tmp_path: Path, wait: Callable[[Path], None], event: e.Event) -> None:
    """Proves: 004-34, F79."""
    with pytest.raises(Interrupted), Interrupting(Phase(), lambda: event, every_s=10 * LOOK_S):  # it needs a moment to clean up
        wait(tmp_path)
    if (tmp_path / "pid").exists():
        assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def looked(times: int, answers: Callable[[int], e.Event | None], held: Phase) -> int:
    """How often it is interrupted within so many looks."""
    asked, interrupted = 0, 0

    def over() -> e.Event | None:
        nonlocal asked
        asked += 1
        return answers(asked)

    with Interrupting(held, over, every_s=LOOK_S):
        while asked < times:
            try:
                time.sleep(LOOK_S / 10)
            except Interrupted:
                interrupted += 1
    return interrupted


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("answers", "open_", "times"),
    [
        pytest.param(lambda look: STOPPED, True, 2, id="once, and once more for what does not clean up"),
        pytest.param(lambda look: STOPPED, False, 0, id="not while the event is stored"),
        pytest.param(lambda look: None, True, 0, id="not a run that goes on"),
        pytest.param(lambda look: STOPPED if look % PATIENCE[True] else None, True, 0, id="not what ends by itself"),
    ],
)
def test_how_often(answers: Callable[[int], e.Event | None], open_: bool, times: int) -> None:
    assert looked(2 * PATIENCE[True] + AGAIN + 6, answers, Phase(open_)) == times


@pytest.mark.timeout(60)
def test_a_store_that_does_not_answer_interrupts_nobody_and_does_not_end_the_looking() -> None:
    """Proves: F40."""

    def answers(look: int) -> e.Event:
        if look < 5:
            raise Fault("store_doubt", "The store does not answer.")
        return STOPPED

    assert looked(PATIENCE[True] + 6, answers, Phase()) == 1


def test_in_another_thread_than_the_main_one_it_does_nothing() -> None:
    told: list[str] = []

    def elsewhere() -> None:
        with Interrupting(Phase(), lambda: STOPPED, every_s=LOOK_S):
            time.sleep(LOOK_S * 20)
            told.append("whole")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert told == ["whole"]
