"""What takes too long is ended by the limit that is meant for it, named by it, and shown by what it printed until then."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.model import Run, RunState
from tests.faults.witness import machine
from tests.stories.hanging import MARK, processes
from tests.stories.world import BONJOUR, CONFIG, FILES, World, task

SAY_AND_HANG = '[sh, -c, "echo half way; sleep 600"]'
LIMITS: Mapping[str, tuple[str, str, str, str]] = {
    "a gate's": (
        f"gates: [{{name: slow, run: {SAY_AND_HANG}, timeout: 2s}}]\nlimits: {{iterations: 1}}\n",
        BONJOUR,
        "gates_failed",
        "half way",
    ),
    "a setup command's": (f"setup: {{run: [{SAY_AND_HANG}], timeout: 2s}}\n", BONJOUR, "setup_failed", "half way"),
    "silence": ("limits: {idle: 2s, iterations: 1}\n", "say half way\nhang", "agent_idle", "half way"),
    "the run's, for an agent that is never silent": (
        "limits: {idle: 2s, wall: 5s}\n",
        "say half way\ntick 60",
        "agent_timeout",
        "half way",
    ),
    "a build's, for an agent that is never silent": (
        "limits: {build: 3s, iterations: 1}\n",
        "say half way\ntick 60",
        "agent_timeout",
        "half way",
    ),
    "a verification's, for a gate with more time of its own": (
        f"gates: [{{name: slow, run: {SAY_AND_HANG}}}]\nlimits: {{verify: 3s, iterations: 1}}\n",
        BONJOUR,
        "gates_failed",
        "half way",
    ),
    "the run's, for a gate with more time of its own": (
        f"gates: [{{name: slow, run: {SAY_AND_HANG}}}]\nlimits: {{wall: 6s}}\n",
        BONJOUR,
        "wall_timeout",
        "half way",
    ),
}


def evidence(world: World, run: Run) -> str:
    """Everything that is kept of a run, as one text."""
    events = world.ground.reading.events(run.id)
    return f"{events}{world.page(run)}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("config", "script", "code", "said"), LIMITS.values(), ids=LIMITS)
def test_a_limit_ends_what_hangs_with_its_reason_and_what_it_said(tmp_path: Path, config: str, script: str, code: str, said: str) -> None:
    """Proves: 004-34, 004-46, F50, F63."""
    base = "version: 1\nagent: scripted\n" if "gates:" in config else CONFIG
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{base}{config}"}) as world:
        world.ask(task(script))
        world.work_until_idle()
        for _ in range(4):
            world.pass_time(3_000)
        run = world.run
        assert (run.state, run.reason and run.reason.code) == (RunState.FAILED, code)
        assert said in evidence(world, run)
        assert list(machine(world.settings.data_dir).directories) == []


@pytest.mark.timeout(60)
def test_a_child_that_goes_on_printing_holds_up_nobody(tmp_path: Path) -> None:
    """It has the agent's own output in hand, in a session of its own. Proves: F51, I12."""
    with World(tmp_path) as world:
        world.ask(task(f"{BONJOUR}\nrun setsid sh -c 'while :; do echo still here; sleep 0.1; done' {MARK} &"))
        world.work_until_idle()
        assert world.run.state is RunState.SUCCEEDED
        assert processes(MARK) == []
