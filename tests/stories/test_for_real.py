"""The whole service in processes of its own, as an operator has it: one label, one dead worker, one SIGTERM."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.redis_server import answer, place
from tests.faults.installation import Installation, await_, installation
from tests.stories.world import BONJOUR, RIGHT_AT_ONCE, task

ISSUE = 1
SLOW = task(f"{BONJOUR}\nsleep 8")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Installation]:
    """`slipway up`, a GitHub that remembers, and somebody who hears callbacks."""
    with installation(tmp_path) as running:
        yield running
        assert [str(one) for one in running.wrong()] == []


def quiet(real: Installation, most_s: float) -> None:
    """The asked run is there, and nothing is left to be done."""
    await_(lambda: bool(real.github.pulls()) and real.unfinished() == 0, most_s, "everything is done")


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    try:
        return (Path(f"/proc/{pid}") / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def holder(real: Installation, run_id: str) -> int:
    """The process id of the worker that holds the run, by the name it is held under."""
    return int(real.held()[run_id].split(":")[2])


def one_of_everything(real: Installation) -> None:
    """What people see, once."""
    (pull,) = real.github.pulls_for(issue=ISSUE)
    (check,) = real.github.checks(pull.sha)
    (comment,) = real.github.comments(ISSUE)
    assert (pull.draft, check.conclusion) == (True, "success")
    assert comment.body.startswith(f"**Slipway is done: the change is in #{pull.number}.**")
    assert real.github.reactions(ISSUE) == ["eyes"]
    assert real.github.labels(ISSUE) == {"slipway:done"}
    assert {"run.queued", "run.started", "run.succeeded"} <= {one.type for one in real.receiver.received}
    assert [one.type for one in real.receiver.received].count("run.succeeded") == 1


@pytest.mark.slow
def test_a_label_goes_through_real_processes_and_sigterm_leaves_none_of_them(real: Installation) -> None:
    """Proves: 000-01, 000-20, F32."""
    real.ask(RIGHT_AT_ONCE)
    quiet(real, 60)
    one_of_everything(real)
    pids = [pid for some in real.victims().values() for pid in some]
    assert real.up
    assert len(pids) >= 5
    real.up.send_signal(signal.SIGTERM)
    assert real.up.wait(60) == 0
    assert [pid for pid in pids if not gone(pid)] == []
    assert answer(place(real.data).socket) == "down"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_worker_killed_at_its_work_is_replaced_and_nothing_is_done_twice(real: Installation) -> None:
    """The lease has to run out first: there is no setting that shortens it. Proves: 001-01, 001-21, F24."""
    real.ask(SLOW)
    await_(lambda: bool(real.victims()["agent"]), 60, "the agent is at work")
    (run_id,) = real.held()
    victims = real.victims()
    os.kill(holder(real, run_id), signal.SIGKILL)
    await_(lambda: all(gone(pid) for pid in (*victims["horse"], *victims["agent"])), 10, "what it had started is gone")
    await_(lambda: len(real.claims(run_id)) == 2, 120, "another worker has taken the run up")
    quiet(real, 90)
    one_of_everything(real)
