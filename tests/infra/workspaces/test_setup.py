"""Setup commands run once for each key, from the base, and lie under everything afterwards."""

from dataclasses import replace

import pytest

from infra.sandbox import Confinement
from jobs.errors import Fault
from jobs.model import Run
from jobs.rules import Rules, SetupRule
from tests.infra.workspaces.world import BOUNDS, World, kinds

MADE = "mkdir -p vendor/lib; cp lock.txt vendor/lib/installed; echo x >> vendor/times; echo spoiled > README.md"


def asked(world: World, name: str = "ab12cd34", script: str = MADE, key: tuple[str, ...] = ("lock.txt",), **request: object) -> Run:
    run = world.run(name, **request)
    rule = SetupRule(run=(("bash", "-ec", script),), key=key)
    return replace(run, rules=Rules(setup=rule))


def layers(world: World) -> int:
    return len(list(world.data.glob("setup/*/*/layer")))


@pytest.fixture
def locked(world: World) -> World:
    world.upstream.commit({"lock.txt": "one\n", ".gitignore": "vendor/\n"})
    return world


def test_what_setup_makes_is_there_for_agent_and_gates_and_in_no_commit(locked: World) -> None:
    """Proves: T26."""
    run = locked.prepared(asked(locked))
    assert locked.agent(run, "cat vendor/lib/installed README.md; git status --porcelain").stdout.text == "one\nhello\n"
    snapshot = locked.changed("echo new > new.txt; echo mine > vendor/mine", run)
    assert kinds(snapshot) == {"new.txt": "added"}
    with locked.workspaces.tree_at(run, snapshot.commit) as view:
        script = "cat vendor/lib/installed new.txt README.md; test ! -e vendor/mine; echo gate > vendor/gate"
        captured = locked.sandbox.run(Confinement(("bash", "-ec", script), view.mounts), BOUNDS)
        assert captured.stdout.text == "one\nnew\nhello\n"
    assert locked.agent(run, "ls vendor").stdout.text == "lib\nmine\ntimes\n"


def test_the_same_key_is_made_once_even_as_the_branch_moves_on(locked: World) -> None:
    locked.prepared(asked(locked, "first"))
    locked.upstream.commit({"src/app.py": "print('newer')\n", "vendor.txt": "now tracked\n", "vendor/lib/tracked": "by git\n"})
    second = locked.prepared(asked(locked, "second"))
    script = "cat vendor/times vendor/lib/installed vendor/lib/tracked src/app.py; git status --porcelain"
    assert locked.agent(second, script).stdout.text == "x\none\nby git\nprint('newer')\n"
    assert layers(locked) == 1


def test_another_key_another_command_or_another_branch_is_another_layer(locked: World) -> None:
    """Proves: T26."""
    first = locked.prepared(asked(locked, "first"))
    locked.prepared(asked(locked, "second", script="true"))
    locked.prepared(asked(locked, "third", head_sha=first.base_sha))
    locked.upstream.commit({"lock.txt": "two\n"})
    fourth = locked.prepared(asked(locked, "fourth"))
    assert layers(locked) == 4
    assert locked.agent(fourth, "cat vendor/lib/installed").stdout.text == "two\n"


def test_without_key_files_each_base_has_its_own(locked: World) -> None:
    locked.prepared(asked(locked, "first", key=()))
    locked.upstream.commit({"src/app.py": "print('newer')\n"})
    locked.prepared(asked(locked, "second", key=()))
    assert layers(locked) == 2


def test_a_setup_that_fails_says_which_command_and_leaves_nothing(locked: World) -> None:
    run = asked(locked, script="echo working; echo 'no such package' >&2; exit 3")
    with pytest.raises(Fault, match="exit code 3") as raised:
        locked.workspaces.prepare(run)
    assert raised.value.reason.code == "setup_failed"
    assert "no such package" in raised.value.evidence
    assert layers(locked) == 0
    assert not list(locked.data.glob("setup/*/.making-*"))


def test_the_layer_cannot_be_changed_by_an_agent(layered: World) -> None:
    """Proves: T26."""
    layered.upstream.commit({"lock.txt": "one\n"})
    run = layered.prepared(asked(layered))
    layered.agent(run, "echo poison > vendor/lib/installed; rm vendor/times; rm -r vendor; mkdir vendor; echo p > vendor/p")
    later = layered.prepared(asked(layered, "later"))
    assert layered.agent(later, "cat vendor/lib/installed vendor/times; ls vendor").stdout.text == "one\nx\nlib\ntimes\n"


def test_old_layers_nobody_uses_go(layered: World) -> None:
    """Proves: I20."""
    layered.upstream.commit({"lock.txt": "one\n"})
    for number in range(8):
        run = layered.prepared(asked(layered, f"run{number}", script=f"echo {number} > made"))
        layered.workspaces.dispose(run)
    assert layers(layered) <= 6
