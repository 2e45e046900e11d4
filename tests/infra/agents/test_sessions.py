"""An agent's own conversation: the next iteration of a step goes on with it, nobody else sees it, and a bad one is forgotten."""

import json
import os
from pathlib import Path

import pytest

from infra.agents.sessions import MOST_BYTES, MOST_ENTRIES, Memory
from infra.agents.table import AGENTS
from jobs.evidence import AgentResult, Ended, Failure
from jobs.rules import AgentRule
from tests.infra.agents.streams import SAMPLES
from tests.infra.agents.test_installed import MODELS, PYTHON, Broker, rule
from tests.infra.agents.world import World
from tests.needs import working_sandbox

REMEMBERING = """#!{python} -I
import os, pathlib, sys
if sys.argv[1:] == ["--version"]:
    print("99.0.1")
    sys.exit(0)
kept = pathlib.Path({memory!r})
with (kept / "turns").open("a") as turns:
    print(*sys.argv[1:], file=turns)
sys.stdin.read()
pathlib.Path("turns").write_text((kept / "turns").read_text())
print({lines!r})
sys.exit({code})
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    sandbox, broker = working_sandbox(tmp_path / "scratch"), Broker(tmp_path / "b.sock")
    return World(tmp_path / "world", sandbox, models=broker, search=str(tmp_path / "bin"))


def install(world: World, agent: str, *, code: int = 0) -> None:
    """A program that remembers how it was called, where the adapter says that conversations are kept."""
    done = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    path = Path(world.around.search) / AGENTS[agent].program
    path.parent.mkdir(exist_ok=True)
    lines = "\n".join(done.lines)
    path.write_text(REMEMBERING.format(python=PYTHON, memory=AGENTS[agent].memory, lines=lines, code=code))
    path.chmod(0o755)


def turns(world: World) -> list[str]:
    return (world.checkout / "turns").read_text().splitlines()


@pytest.mark.parametrize("agent", MODELS)
def test_the_second_iteration_goes_on_with_the_first_ones_conversation(world: World, agent: str) -> None:
    """Proves: 003-05."""
    install(world, agent)
    session = world.launch(agent=rule(agent)).session_id
    assert session
    world.launch(agent=rule(agent), iteration=2)
    first, second = turns(world)
    assert session not in first
    assert session in second.split()


def test_another_step_has_a_conversation_of_its_own(world: World) -> None:
    install(world, "claude")
    world.launch(agent=rule("claude"))
    world.launch(agent=rule("claude"), step="review")
    assert len(turns(world)) == 1
    assert "--resume" not in turns(world)[0]


def test_after_a_failure_the_next_one_begins_anew(world: World) -> None:
    """Proves: F54. A conversation may be what is wrong: too long, or begun by a program that has changed."""
    install(world, "codex")
    world.launch(agent=rule("codex"))
    install(world, "codex", code=3)
    assert world.launch(agent=rule("codex"), iteration=2).failure
    assert len(turns(world)) == 2
    install(world, "codex")
    world.launch(agent=rule("codex"), iteration=3)
    assert len(turns(world)) == 1


@pytest.mark.parametrize("session", [None, "", "--dangerously-skip", "a b", "../x", "x" * 101, "a\nb", "\u0661"])
def test_what_could_be_more_than_an_id_is_none(tmp_path: Path, session: str | None) -> None:
    """Proves: T09, T16."""
    kept = Memory(tmp_path / "memory")
    kept.directory.mkdir(parents=True)
    kept.closed(AgentResult("claude", Ended.EXIT, 0, session_id=session))
    assert (kept.session, kept.directory.exists()) == (None, False)


def test_a_conversation_that_is_too_large_or_cannot_be_measured_is_forgotten(tmp_path: Path) -> None:
    """Proves: I20, F52."""
    for spoil in (_large, _deep, _many):
        kept = Memory(tmp_path / spoil.__name__)
        kept.directory.mkdir(parents=True)
        spoil(kept.directory)
        kept.closed(AgentResult("claude", Ended.EXIT, 0, session_id="s-1"))
        assert (kept.session, kept.directory.exists()) == (None, False)


def test_links_in_a_conversation_lead_nowhere(tmp_path: Path) -> None:
    """Proves: F57, 002-07."""
    (tmp_path / "precious").write_text("mine")
    kept = Memory(tmp_path / "memory")
    kept.directory.mkdir(parents=True)
    (kept.directory / "out").symlink_to(tmp_path)
    kept.closed(AgentResult("claude", Ended.EXIT, 0, session_id="s-1"))
    assert kept.session == "s-1"
    kept.closed(AgentResult("claude", Ended.EXIT, 1, failure=Failure("agent_failed", "no"), session_id="s-1"))
    assert (tmp_path / "precious").read_text() == "mine"
    assert not kept.directory.exists()


def test_a_program_without_conversations_gets_no_place_for_them(world: World) -> None:
    world.launch(agent=AgentRule(name="command", run=("/bin/true",)))
    assert not list((world.root / "launches").glob("*/memory-*"))


def test_every_place_lies_in_a_directory_that_no_agent_wrote() -> None:
    """A mount point inside what an agent wrote could be a link of its making. Proves: T09."""
    places = [adapter.memory for adapter in AGENTS.values() if adapter.memory]
    assert len(places) == len(MODELS)
    assert not any(one != other and one.startswith(f"{other}/") for one in places for other in places)
    assert json.dumps(places).count("/home/agent/") == len(places)


def _large(directory: Path) -> None:
    with (directory / "big").open("wb") as file:
        file.truncate(MOST_BYTES + 1)


def _deep(directory: Path) -> None:
    """Deeper than any path can say."""
    parent = os.open(directory, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("0123456789", dir_fd=parent)
        child = os.open("0123456789", os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = child
    os.close(parent)


def _many(directory: Path) -> None:
    for number in range(MOST_ENTRIES + 1):
        (directory / str(number)).touch()
