"""The agents people use, as they come from their registry, against a model server without a model: a whole run each.

Deselected unless asked for (`-m live`): docs/agents.md says how to install them. Everything but the model is real: the
sandbox, the broker, the launcher, the gate, the delivery.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.sample import Sample
from infra import process
from infra.agents.table import AGENTS
from infra.git import Git, Input, Place
from infra.process import Bounds, Command
from infra.sandbox.confinement import CHECKOUT
from tests.fakes.models import DONE, INPUT, OUTPUT, ModelServer, model_server
from tests.needs import missing

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
SEARCH = os.environ.get("SLIPWAY_TEST_AGENTS", "") + ":/usr/local/bin:/usr/bin:/bin"
KEY = "sk-live-key-of-the-operator"
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5", "opencode": "gpt-5", "gemini": "gemini-2.5-pro"}
CONFIGURATION = """\
version: 1
agent: {{name: {agent}, model: {model}}}
gates:
  - {{name: greeting, run: [grep, -q, bonjour, GREETING], timeout: 1m}}
delivery: {{kind: local}}
"""


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with model_server(f"{CHECKOUT}/GREETING", "bonjour") as server:
        yield server


@pytest.fixture
def wavering() -> Iterator[ModelServer]:
    """A model that is wrong the first time."""
    with model_server(f"{CHECKOUT}/GREETING", "salut", "bonjour") as server:
        yield server


def a_sample(root: Path, agent: str) -> Sample:
    """The demo's repository, with another agent and a gate that asks for the one file."""
    made = Sample(root)
    made.make(Git(root / "git"), "http://127.0.0.1:1/", sandboxed=True)
    (made.source / ".github/slipway.yml").write_text(CONFIGURATION.format(agent=agent, model=MODELS[agent]))
    git = Git(root / "git")
    author = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    commit = ("commit", "--quiet", "--all", "--message=Another agent")
    git.ask(*commit, at=Place(made.source / ".git", work_tree=made.source), given=Input(env=author))
    return made


def worked(sample: Sample, models: ModelServer) -> dict[str, object]:
    """The page of a run that a model's agent worked on."""
    env = {
        "PATH": SEARCH, "HOME": str(sample.root), "SLIPWAY_DATA_DIR": str(sample.data), "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY, "GEMINI_API_KEY": KEY,
        "SLIPWAY_ANTHROPIC_URL": models.url, "SLIPWAY_OPENAI_URL": models.url, "SLIPWAY_GEMINI_URL": models.url,
    }  # fmt: skip
    asked = ("run", "--flow", "fix", "--title", "Greet in French", "--body", "Write bonjour into GREETING.", "--json")
    said = process.run(Command((sys.executable, "-m", "app", *asked), env, sample.source), Bounds(110))
    assert said.ok, said.stderr.text + said.stdout.text
    return json.loads(said.stdout.text)


def needs(agent: str) -> None:
    """Skip, or fail where everything is required, without the agent."""
    if shutil.which(AGENTS[agent].program, path=SEARCH) is None:
        missing(f"{agent} ({AGENTS[agent].install}; SLIPWAY_TEST_AGENTS names its folder)")


@pytest.mark.parametrize("agent", sorted(MODELS))
def test_a_real_agent_ends_in_a_verified_commit(agent: str, tmp_path: Path, models: ModelServer) -> None:
    """The key stays with the broker, the tool call changes the file, the gate passes on the commit, and what was used is known."""
    needs(agent)
    sample = a_sample(tmp_path, agent)
    run = worked(sample, models)
    assert run["state"] == "succeeded"
    git = Git(tmp_path / "git")
    assert git.ask("show", f"{run['delivery']['branch']}:GREETING", at=Place(sample.source / ".git")) == "bonjour"
    assert {seen.key for seen in models.seen} == {KEY}, "the broker, and nobody else, spoke with the provider"
    turn = run["steps"][0]["attempts"][0]["iterations"][0]
    assert turn["result"]["summary"] == DONE
    assert turn["result"]["tokens"]["input"] >= 2 * INPUT
    assert turn["result"]["tokens"]["output"] >= 2 * OUTPUT


@pytest.mark.parametrize("agent", sorted(MODELS))
def test_a_real_agent_goes_on_with_its_own_conversation(agent: str, tmp_path: Path, wavering: ModelServer) -> None:
    """The gate refuses what the first iteration wrote; the second is one conversation with it, and the model sees all of it."""
    needs(agent)
    run = worked(a_sample(tmp_path, agent), wavering)
    assert run["state"] == "succeeded"
    first, second = run["steps"][0]["attempts"][0]["iterations"]
    assert (first["decision"], second["decision"]) == ("rejected", "passed")
    last = json.dumps(wavering.seen[-1].body)
    assert DONE in last, "what it said at the end of the first iteration"
    assert "salut" in last, "what it wrote in the first iteration"
    kept = [line for line in run["artifacts"] if line.endswith(".transcript.jsonl")]
    assert kept == ["1-code-1.transcript.jsonl", "1-code-2.transcript.jsonl"]
