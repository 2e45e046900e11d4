"""The supervisor: children that die come back, and none outlives it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.supervisor import FORK, Child, Supervisor
from infra.clock import SystemClock
from jobs.errors import UserError

CLOCK = SystemClock()


def write_pid(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def soon(true: Callable[[], bool]) -> bool:
    until = CLOCK.monotonic() + 60
    while not true():
        if CLOCK.monotonic() > until:
            return False
        CLOCK.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def sleeper(path: Path) -> Callable[[], None]:
    def run() -> None:
        write_pid(path)
        signal.pause()

    return run


def stubborn(path: Path) -> Callable[[], None]:
    def run() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write_pid(path)
        while True:
            signal.pause()

    return run


class Told:
    """A supervisor in a process of its own, and what it came to."""

    def __init__(self, *children: Child, grace_s: float = 30.0, tend: Callable[[Mapping[str, int]], None] = lambda living: None) -> None:
        self.process = FORK.Process(target=lambda: sys.exit(Supervisor(children, CLOCK, grace_s, tend).run()))
        self.process.start()

    def end(self, *signals: int) -> int | None:
        for number in signals:
            os.kill(self.process.pid or 0, number)
        self.process.join(30)
        return self.process.exitcode


def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    told = Told(Child("sleeper", sleeper(path)))
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(pids(path)[0], signal.SIGKILL)
    assert soon(lambda: len(pids(path)) == 2)
    assert told.end(signal.SIGTERM) == 0
    assert not any(alive(pid) for pid in pids(path))


@pytest.mark.timeout(120)
def test_told_to_end_while_it_starts_its_children_it_waits_for_none_of_them(tmp_path: Path) -> None:
    """A newborn that still has its parent's ears would not hear. Proves: F32."""
    for number in range(25):
        told = Told(*(Child(f"child-{n}", sleeper(tmp_path / f"pids-{n}")) for n in range(4)), grace_s=1000)
        CLOCK.sleep(number * 0.002)
        assert told.end(signal.SIGTERM) in (0, -signal.SIGTERM)


def test_a_child_with_a_bug_is_started_again_ever_more_slowly(tmp_path: Path) -> None:
    path = tmp_path / "pids"

    def broken() -> None:
        write_pid(path)
        raise RuntimeError("a bug")

    told = Told(Child("broken", broken))
    assert soon(lambda: len(pids(path)) == 3)
    assert told.end(signal.SIGTERM) == 0
    assert len(pids(path)) < 10


def test_a_child_that_may_not_start_ends_everything_with_1(tmp_path: Path) -> None:
    path = tmp_path / "pids"

    def refused() -> None:
        assert soon(lambda: len(pids(path)) == 1)
        raise UserError("the port is taken")

    told = Told(Child("sleeper", sleeper(path)), Child("refused", refused))
    told.process.join(30)
    assert told.process.exitcode == 1
    assert not alive(pids(path)[0])


def test_when_the_supervisor_is_killed_its_children_die(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    told = Told(Child("one", stubborn(path)), Child("two", stubborn(path)))
    assert soon(lambda: len(pids(path)) == 2)
    told.end(signal.SIGKILL)
    assert soon(lambda: not any(alive(pid) for pid in pids(path)))


def test_a_child_that_does_not_leave_is_killed_after_the_grace(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    told = Told(Child("stubborn", stubborn(path)), grace_s=0.2)
    assert soon(lambda: len(pids(path)) == 1)
    assert told.end(signal.SIGTERM) == 0
    assert not alive(pids(path)[0])


def test_asked_twice_it_does_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    told = Told(Child("stubborn", stubborn(path)), grace_s=1000)
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(told.process.pid or 0, signal.SIGINT)
    CLOCK.sleep(0.2)
    assert told.end(signal.SIGINT) == 0
    assert not alive(pids(path)[0])


def test_it_looks_after_things_while_children_live_whatever_comes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "seen"

    def tend(living: Mapping[str, int]) -> None:
        with path.open("a") as file:
            file.write(f"{len(living)}\n")
        raise UserError("looked after badly")

    told = Told(Child("one", signal.pause), Child("two", signal.pause), tend=tend)
    assert soon(lambda: len(pids(path)) >= 2)
    assert told.end(signal.SIGTERM) == 0
    *before, after = pids(path)
    assert (set(before), after) == ({2}, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_as_before_afterwards(number: int) -> None:
    before = signal.getsignal(number)
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
    assert Supervisor([], CLOCK, 1).run() == 0
    assert signal.getsignal(number) is before
