"""Whoever starts a sandbox or a git may be killed at any moment of that: nothing of it lives on, not even what was not tied to it yet."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from app.supervisor import FORK
from infra import process
from infra.lifeline import bury, take_in
from infra.process import Bounds, Command
from infra.sandbox import Bubblewrap, Confinement
from infra.sandbox.bubblewrap import candidates
from tests.infra.test_sandbox import overlay
from tests.needs import working_sandbox
from tests.stories.hanging import processes

MOST_S = 20.0
ROUNDS = 25
STEP_S = 0.002


def killed(start: Callable[[], object], ready: Path, after_s: float) -> None:
    """A horse begins to start something and is killed; the worker above it does what a worker does then."""

    def horse() -> None:
        ready.touch()
        start()

    def worker() -> None:
        take_in()
        child = FORK.Process(target=horse)
        child.start()
        while not ready.exists():
            time.sleep(0.0005)
        time.sleep(after_s)
        child.kill()
        child.join()
        bury()

    above = FORK.Process(target=worker)
    above.start()
    above.join(MOST_S)
    assert above.exitcode == 0
    ready.unlink()


def gone(mark: str) -> list[int]:
    """What is left of it once whatever is dying has died."""
    time.sleep(0.1)  # it may only just be about to show its name
    until = time.monotonic() + MOST_S
    while (left := processes(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def slowly(program: Path, place: Path, mark: str) -> Path:
    """The program behind a wait, which is as if its parent died between the fork and the moment at which it is tied."""
    slow = place / "slow"
    slow.write_text(f'#!/bin/sh\n: {mark}\nif [ -e {place}/armed ]; then : > {place}/ready; sleep 0.3; fi\nexec {program} "$@"\n')
    slow.chmod(0o755)
    return slow


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("lower", "upper", "work", "scratch"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.timeout(180)
def test_a_sandbox_whose_starter_is_killed_at_any_moment_of_the_start(place: Path) -> None:
    """Proves: F24, F25, I12."""
    sandbox, mark = working_sandbox(place / "scratch"), f"early-{uuid.uuid4().hex}"
    confinement = Confinement(("sleep", "600", mark), (overlay(place),))
    for number in range(ROUNDS):
        killed(lambda: sandbox.run(confinement, Bounds(600)), place / "ready", number * STEP_S)
        assert gone(mark) == [], f"after {number * STEP_S} s"


@pytest.mark.timeout(120)
def test_a_sandbox_program_that_was_not_tied_yet_starts_nothing_even_without_anybody_above(place: Path) -> None:
    """Proves: F24, I12."""
    working_sandbox(place / "scratch")
    mark = f"early-{uuid.uuid4().hex}"
    sandbox = Bubblewrap(place / "scratch", (slowly(candidates()[0], place, mark),))
    sandbox.probe()
    (place / "armed").touch()
    horse = FORK.Process(target=lambda: sandbox.run(Confinement(("sleep", "600", mark), (overlay(place),)), Bounds(600)))
    horse.start()
    until = time.monotonic() + MOST_S
    while not (place / "ready").exists() and time.monotonic() < until:
        time.sleep(0.001)
    horse.kill()
    horse.join()
    time.sleep(0.5)
    assert gone(mark) == []


@pytest.mark.timeout(60)
def test_a_git_that_hangs_does_not_outlive_its_killed_starter(place: Path) -> None:
    """Proves: F25, F66, I12."""
    mark = f"early-{uuid.uuid4().hex}"
    command = Command(("sh", "-c", "trap '' TERM HUP; sleep 600 & wait", mark), {"PATH": os.environ["PATH"]})
    killed(lambda: process.run(command, Bounds(600)), place / "ready", 0.3)
    assert gone(mark) == []


def test_what_is_spared_lives() -> None:
    def above() -> None:
        spared, other = (process.detach(Command(("sleep", "600"), {"PATH": os.environ["PATH"]})) for _ in range(2))
        assert bury(lambda pid: pid == spared.pid) == [other.pid]
        assert spared.ended() is None
        assert bury() == [spared.pid]

    parent = FORK.Process(target=above)
    parent.start()
    parent.join(MOST_S)
    assert parent.exitcode == 0
