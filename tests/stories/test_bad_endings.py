"""Whatever goes wrong has a name: the same one on the run's page, in the status comment and in the callback."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.model import RunState
from tests.infra.killing import killed_when
from tests.stories.world import BONJOUR, BONSOIR, CONFIG, FILES, World, task

KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
MANY = {f"part{n}.txt": f"{n}\n" for n in range(20)}
REVIEWED = "flows: {implement: {steps: [{name: code}, {name: review, role: reviewer, depends_on: [code]}]}}\n"

FROM_AGENT: Mapping[str, tuple[str, str]] = {
    "agent_failed": ("exit 3", ""),
    "agent_missing": (BONJOUR, "agent: {name: command, run: [./there-is-no-such-program]}\n"),
    "agent_idle": ("hang", "limits: {idle: 1s, iterations: 1}\n"),
    "agent_timeout": ("tick 60", "limits: {wall: 2s}\n"),
    "agent_output": ("spew 100000000", "limits: {output_bytes: 1mb}\n"),
    "bad_result": (f"{BONJOUR}\nbadresult {{broken", ""),
    "no_change": ("say there is nothing to do", ""),
    "unknown_decision": (f"implementer:\n{BONJOUR}\nreviewer:\ndecide perhaps", REVIEWED),
}
FROM_CHANGE: Mapping[str, tuple[str, str]] = {
    "protected_path": (f"{BONJOUR}\nwrite .github/workflows/ci.yml\n  on: push", ""),
    "secret_found": (f'{BONJOUR}\nwrite settings.py\n  KEY = "{KEY}"', ""),
    "too_large": (f"{BONJOUR}\nrun yes | head -c 200000 > big.txt", "limits: {patch_bytes: 100kb}\n"),
    "too_many_files": (f"{BONJOUR}\nrun touch a b c d", "limits: {files: 3}\n"),
    "mass_deletion": (f"{BONJOUR}\nrun rm -f part*.txt", ""),
    "nested_repository": (f"{BONJOUR}\nrun git init --quiet inner && touch inner/x", ""),
    "link_escapes": (f"{BONJOUR}\nrun ln -sf /etc/passwd out", ""),
    "special_file": (f"{BONJOUR}\nrun mkfifo pipe", ""),
}
FROM_GATES: Mapping[str, tuple[str, str]] = {
    "no_progress": (BONSOIR, ""),
    "gates_failed": (f'try 1:\n{BONSOIR}\ntry 2:\nwrite greeter.py\n  GREETING = "Salut"', "limits: {iterations: 2}\n"),
    "review_rejected": (
        f"implementer:\nrun date +%s%N > greeter.txt\n{BONJOUR}\nreviewer:\ndecide reject",
        f"{REVIEWED}limits: {{iterations: 1}}\n",
    ),
}


def ended(world: World, code: str) -> None:
    """The run failed for this reason, everybody says the same, and nothing has left."""
    run = world.run
    assert (run.state, run.reason and run.reason.code) == (RunState.FAILED, code), run.reason
    text = run.reason.text if run.reason else ""
    page, callback = world.page(run), world.callbacks()[-1]
    assert (page["state"], page["reason"]["code"], page["reason"]["text"]) == ("failed", code, text)
    assert (callback.type, callback.body["data"]["run"]["reason"]) == ("run.failed", {"code": code, "text": text})
    assert world.status().startswith("**Slipway could not finish this.**")
    assert text.split("`")[0].split("'")[0].split("_")[0] in world.status()
    assert world.github.labels(7) == {"slipway:failed"}
    assert (world.github.pulls(), world.github.branches()) == ([], {"main"})
    assert KEY not in world.status() + str(page["reason"])


def told(tmp_path: Path, code: str, script: str, config: str, **more: str) -> None:
    whole = f"version: 1\n{config}" if config.startswith("agent:") else f"{CONFIG}{config}"
    with World(tmp_path, files={**FILES, **more, ".github/slipway.yml": whole}) as world:
        world.ask(task(script))
        world.work_until_idle()
        ended(world, code)


@pytest.mark.parametrize(("code", "script", "config"), [(code, *case) for code, case in FROM_AGENT.items()], ids=FROM_AGENT)
def test_an_agent_that_does_not_do_its_work(tmp_path: Path, code: str, script: str, config: str) -> None:
    """Proves: 000-06, 000-36, 001-27, 003-06, 003-14, 003-22, 004-46, F50, F53, F54, 001-51."""
    told(tmp_path, code, script, config)


@pytest.mark.parametrize(("code", "script", "config"), [(code, *case) for code, case in FROM_CHANGE.items()], ids=FROM_CHANGE)
def test_a_change_that_may_not_leave(tmp_path: Path, code: str, script: str, config: str) -> None:
    """Proves: 003-14, F56, F57, F59, F60, 001-51."""
    told(tmp_path, code, script, config, **(MANY if code == "mass_deletion" else {}))


@pytest.mark.parametrize(("code", "script", "config"), [(code, *case) for code, case in FROM_GATES.items()], ids=FROM_GATES)
def test_a_change_that_does_not_pass(tmp_path: Path, code: str, script: str, config: str) -> None:
    """Proves: 004-33, 004-44, 003-14, 001-51."""
    told(tmp_path, code, script, config)


@pytest.mark.parametrize("victim", ["agent", "gate"])
def test_what_somebody_killed_from_outside_begins_anew_and_costs_nothing(tmp_path: Path, victim: str) -> None:
    """The sandbox is killed while the agent, or a gate, is at work; with one iteration allowed the run is delivered all the same.

    Proves: 003-14, 003-23, I06.
    """
    work = f"run touch begun && sleep 2 && rm begun\n{BONJOUR}" if victim == "agent" else BONJOUR
    gates = "gates: [{name: slow, run: [sh, -c, touch begun && sleep 2]}]\n" if victim == "gate" else ""
    config = f"version: 1\nagent: scripted\n{gates}limits: {{iterations: 1}}\n"
    with World(tmp_path, files={**FILES, ".github/slipway.yml": config}) as world:
        world.ask(task(work))
        with killed_when(tmp_path, "**/begun"):
            world.work_until_idle()
        world.pass_time(60)
        world.work_until_idle()
        run = world.run
        assert run.state is RunState.SUCCEEDED, run.reason
        told = [row for row in world.ground.reading.events(run.id) if (row["payload"].get("reason") or {}).get("code") == "killed_outside"]
        assert [row["type"] for row in told] == (["Parked"] if victim == "agent" else ["Stumbled"])
        assert world.launches == (2 if victim == "agent" else 1)
