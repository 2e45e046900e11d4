"""What a run waits for may never come: somebody's word to stop ends it all the same, and so does its time."""

from pathlib import Path

import pytest

from jobs.model import RunState
from tests.faults.witness import machine
from tests.stories.hanging import MARK, PULLS, PUSH, WAITS, Wait, processes
from tests.stories.test_pull_requests import fix, pulled
from tests.stories.world import CONFIG, FILES, World

LABELS = "/repos/{owner}/{repo}/issues/{issue_number}/labels"
OURS = {name: WAITS[name] for name in ("prepare: a fetch", "deliver: a pull request")}
"""One for each phase in which only we wait; what an agent or a gate does with its phase's time is its own result."""
LATE = "asked for it with `/slipway stop`. That came too late: the change was out by then."


def clean(world: World) -> None:
    """Nothing of any run is left on this machine, and nothing of it on GitHub that was not there before."""
    seen = machine(world.settings.data_dir)
    assert (list(seen.directories), list(seen.processes), processes(MARK)) == ([], [], [])
    world.work_until_idle()
    assert world.github.branches() == {"main"}
    assert [pull.state for pull in world.github.pulls()] in ([], ["closed"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_run_that_waits_for_what_never_comes_is_stopped(tmp_path: Path, wait: Wait) -> None:
    """Proves: 004-34, 004-46, F51, F66, F71, F79."""
    with World(tmp_path, files={**FILES, ".github/slipway.yml": wait.config}) as world:
        wait.prepare(world.github)
        world.ask(wait.body)
        with world.meanwhile(lambda: world.stop(world.run), when=lambda: wait.waits(world.github)):
            world.work_until_idle()
        clean(world)
        run = world.run
        assert (run.state, run.reason and (run.reason.code, run.reason.text)) == (RunState.CANCELLED, ("stopped", "Enough."))
        assert world.events(run)[-2:] in (["StopRequested", "Cancelled"], ["Rejected", "Cancelled"])
        assert world.github.labels(7) == {"slipway:failed"}
        assert "**Slipway has stopped working on this.**\n\nEnough. Comment" in world.status()
        assert {check.conclusion for check in world.github.checks()} <= {"cancelled"}
        assert world.callbacks()[-1].type == "run.cancelled"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_run_that_waits_for_what_never_comes_ends_with_its_time(tmp_path: Path, wait: Wait) -> None:
    """Proves: 004-34, 004-46, F50, F66."""
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{wait.config}limits: {{wall: 6s}}\n"}) as world:
        wait.prepare(world.github)
        world.ask(wait.body)
        world.work_until_idle()
        clean(world)
        code = "agent_timeout" if wait.phase == "build" else "wall_timeout"
        assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, code)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wait", OURS.values(), ids=OURS)
def test_a_phase_that_waits_for_what_never_comes_ends_with_a_time_of_its_own(tmp_path: Path, wait: Wait) -> None:
    """Proves: 004-34, 004-46, F50, F66."""
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{wait.config}limits: {{{wait.phase}: 4s}}\n"}) as world:
        wait.prepare(world.github)
        world.ask(wait.body)
        world.work_until_idle()
        clean(world)
        assert world.run.reason is not None
        assert (world.run.reason.code, f"`limits.{wait.phase}`" in world.run.reason.text) == ("phase_timeout", True)


def test_a_stop_after_the_pull_request_was_opened_comes_too_late_and_says_so(tmp_path: Path) -> None:
    """What people see already is finished, so that the record says what there is. Proves: F79, I04."""
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{CONFIG}delivery: {{labels: [robot]}}\n"}) as world:
        world.at("FlowFinished", lambda: world.github.fail("POST", LABELS, times=2))
        world.ask()
        world.at("Stumbled", lambda: world.comment("/slipway stop"))
        world.work_until_idle()
        assert (world.run.state, world.run.stop_requested) == (RunState.SUCCEEDED, "maintainer asked for it with `/slipway stop`.")
        (pull,) = world.github.pulls()
        assert (pull.state, pull.labels) == ("open", ("robot",))
        assert LATE in world.status()


@pytest.mark.parametrize("known", [False, True])
def test_a_push_to_somebodys_pull_request_that_is_cut_is_taken_back_and_a_whole_one_is_finished(world: World, *, known: bool) -> None:
    """The branch is not ours to remove: it is put back where it stood, as long as nobody pushed after us. Proves: F79, F86, I04."""
    pull = pulled(world)
    before = world.github.sha("greeting")
    world.at("FlowFinished", lambda: _cut(world, known=known))
    fix(world, pull)
    world.at("Stumbled", lambda: world.comment("/slipway stop", number=pull.number))
    world.work_until_idle()
    assert world.run.state is (RunState.SUCCEEDED if known else RunState.CANCELLED)
    assert (world.github.sha("greeting") == before) is not known
    assert (LATE in world.status(pull.number)) is known
    assert [one.event for one in world.github.deliveries].count("push") == (2 if known else 3)  # theirs, ours, and the way back


def _cut(world: World, *, known: bool) -> None:
    """The push arrives; we hear of that, and then nothing more for a while, or we do not hear of it."""
    if known:
        world.github.fail("GET", f"{PULLS}/{{pull_number}}", nth=2, times=5)
    else:
        world.github.fail("GIT", PUSH, status=503, after=True)
