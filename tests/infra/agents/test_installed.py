"""Installed agents: found, asked for their version, started with a token that is no key, and heard."""

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra.agents.adapter import Access, Program, Setting, Start
from infra.agents.programs import find, stamp
from infra.agents.table import AGENTS
from infra.egress.meter import Meter
from infra.process import Bounds, Captured
from infra.sandbox import Bubblewrap, Confinement
from infra.sandbox.confinement import Session
from jobs.errors import Refused
from jobs.evidence import Tokens
from jobs.model import Run
from jobs.ports import Brief, Checkout, Launch
from jobs.rules import AgentRule, StepRule
from tests.infra.agents.streams import SAMPLES
from tests.infra.agents.world import RUN_ID, World, a_run
from tests.needs import working_sandbox

MODELS = ("claude", "codex", "opencode", "gemini")
TOKEN = "run-token-worth-nothing"
PYTHON = Path(sys.base_prefix).resolve() / "bin" / Path(sys.executable).resolve().name
CLI = """#!{python} -I
import json, os, socket, sys
if sys.argv[1:] == ["--version"]:
    print("the-agent {version} (build 7)")
    sys.exit(0)
seen = {{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": sys.stdin.read()}}
with socket.create_connection(("127.0.0.1", 3129), 10) as broker:
    broker.sendall(b"hello broker\\n")
    seen["broker"] = broker.recv(100).decode()
json.dump(seen, open("seen.json", "w"))
print({lines!r})
"""


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"you said " + self.rfile.readline())


@dataclass
class Broker:
    """`Models` with a socket that answers."""

    socket: Path
    opened: list[str] = field(default_factory=list)
    meter: Meter | None = None

    def check(self, provider: str) -> None:
        return

    @contextmanager
    def open(self, run: Run, provider: str, model: str | None = None) -> Iterator[Access]:
        self.opened.append(f"{run.id} {provider}")
        with socketserver.ThreadingUnixStreamServer(str(self.socket), Echo) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield Access(self.socket, TOKEN, self.meter)
            finally:
                server.shutdown()
                thread.join()
                self.socket.unlink()


@dataclass
class Counting:
    """A sandbox that counts what it is asked to run."""

    real: Bubblewrap
    runs: int = 0
    overlays: bool = True

    def probe(self) -> str:
        return self.real.probe()

    def start(self, confinement: Confinement, bounds: Bounds) -> Session:
        return self.real.start(confinement, bounds)

    def run(self, confinement: Confinement, bounds: Bounds) -> Captured:
        self.runs += 1
        return self.real.run(confinement, bounds)


@pytest.fixture
def sandbox(tmp_path: Path) -> Counting:
    return Counting(working_sandbox(tmp_path / "scratch"))


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "b.sock")


@pytest.fixture
def world(tmp_path: Path, sandbox: Counting, broker: Broker) -> World:
    return World(tmp_path / "world", sandbox, models=broker, search=str(tmp_path / "bin"))


def install(world: World, agent: str, version: str = "99.0.1") -> Path:
    """Put a program of that name on the search path, which does what a believed launch of it looks like."""
    done = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    path = Path(world.around.search) / AGENTS[agent].program
    path.parent.mkdir(exist_ok=True)
    path.write_text(CLI.format(python=PYTHON, version=version, lines="\n".join(done.lines)))
    path.chmod(0o755)
    return path


NOISY = """#!{python} -I
import os, sys
if sys.argv[1:] == ["--version"]:
    print("99.0.1")
    sys.exit(0)
for line in {lines!r}:
    os.write(2, b"chatter \\xff\\n")
    os.write(1, b"\\xff\\xfe not json\\n" + line.encode() + b"\\n")
"""


@pytest.mark.parametrize("agent", MODELS)
def test_what_is_printed_between_and_beside_the_events_changes_nothing(world: World, agent: str) -> None:
    """Proves: F54, 003-02, 003-14."""
    done = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    install(world, agent).write_text(NOISY.format(python=PYTHON, lines=done.lines))
    result = world.launch(agent=rule(agent))
    assert (result.failure, result.summary, result.tool_calls) == (None, done.summary, done.calls)
    assert b"\xff\xfe not json\n" in world.artifacts.get(RUN_ID, "1-code-1.stdout")
    assert world.artifacts.get(RUN_ID, "1-code-1.stderr").count(b"chatter") == len(done.lines)
    notes = [json.loads(line) for line in world.artifacts.get(RUN_ID, "1-code-1.transcript.jsonl").splitlines()]
    assert [note["n"] for note in notes] == list(range(1, len(notes) + 1))
    assert {"kind": "message", "text": "Greets now."}.items() <= notes[-2].items() if agent != "claude" else notes[-1]["kind"] == "end"


@pytest.mark.parametrize(("model", "cost"), [("claude-sonnet-4-5", 0.0045), ("nobody-knows-this-model", None)])
def test_what_the_broker_counted_wins_over_what_the_agent_says(world: World, broker: Broker, model: str, cost: float | None) -> None:
    """It says 0.25 dollars, 10 tokens and another model: whatever it was told to say. Proves: 002-06, T12."""
    broker.meter = Meter(requests=1)
    broker.meter.count(model, "input", 1_000)
    broker.meter.count(model, "output", 100)
    install(world, "claude")
    result = world.launch(agent=rule("claude"))
    assert (result.tokens, result.cost_usd) == (Tokens(1_000, 100), cost)


def rule(agent: str) -> AgentRule:
    return AgentRule.model_validate({"name": agent, "model": "m-1"})


@pytest.mark.parametrize("agent", MODELS)
def test_an_installed_agent_is_started_with_a_token_and_heard(world: World, broker: Broker, agent: str) -> None:
    """Proves: 000-22, I11, T13, T14."""
    install(world, agent)
    result = world.launch(agent=rule(agent), prompt="--version\nGreet.\n")
    assert result.failure is None
    assert result.summary == "Greets now."
    seen = json.loads((world.checkout / "seen.json").read_text())
    assert seen["stdin"] == "--version\nGreet.\n"
    assert seen["broker"] == "you said hello broker\n"
    assert TOKEN not in " ".join(seen["argv"])
    assert TOKEN in json.dumps(seen["env"])
    assert "http://127.0.0.1:3129" in json.dumps(seen)
    assert broker.opened == [f"{RUN_ID} {AGENTS[agent].provider}"]
    assert not broker.socket.exists()


def test_the_version_is_asked_once_for_each_change_of_the_program(world: World, sandbox: Counting) -> None:
    """Proves: 002-08, 002-22."""
    install(world, "codex", "1.2.3")
    assert [world.agents.check(rule("codex")) for _ in range(3)] == ["1.2.3"] * 3
    assert sandbox.runs == 1
    install(world, "codex", "1.2.10")
    assert world.agents.check(rule("codex")) == "1.2.10"
    assert sandbox.runs == 2
    assert world.launch(agent=rule("codex")).version == "1.2.10"
    install(world, "codex", "1.3.0")
    assert world.launch(agent=rule("codex")).version == "1.3.0", "replaced since it was looked at"
    install(world, "codex", "0.0.1")
    with pytest.raises(Refused, match=r"version 0\.0\.1 here"):
        world.launch(agent=rule("codex"))
    assert len(world.lines) == 2, "what is too old is not started"


@pytest.mark.parametrize("version", ["0.9.9", "2.1.9", "2.0"])
def test_an_agent_that_is_too_old_is_told_to_be_updated(world: World, version: str) -> None:
    """Proves: 002-08."""
    install(world, "claude", version)
    with pytest.raises(Refused, match=rf"version {version} here, and at least 2\.1\.329 is needed") as refused:
        world.agents.check(rule("claude"))
    assert refused.value.reason.code == "agent_missing"


def test_an_agent_that_does_not_run_in_the_sandbox_is_not_there(world: World) -> None:
    """Proves: 002-08."""
    install(world, "gemini").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(Refused, match="does not run in the sandbox") as refused:
        world.agents.check(rule("gemini"))
    assert "broken" in refused.value.evidence


def test_a_package_is_shown_whole_and_nothing_around_it(tmp_path: Path) -> None:
    """Proves: T13."""
    package = tmp_path / "home/lib/node_modules/@x/cli"
    package.mkdir(parents=True)
    node = tmp_path / "home/node20/bin/node"
    node.parent.mkdir(parents=True)
    (tmp_path / "home/node20/lib").mkdir()
    node.write_bytes(b"\x7fELF")
    (package / "cli.js").write_text("#!/usr/bin/env -S node --quiet\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cli").symlink_to(package / "cli.js")
    for path in (node, package / "cli.js"):
        path.chmod(0o755)
    found = find("cli", f"{tmp_path}/bin:{node.parent}")
    assert found == Program((str(node), "--quiet", str(package / "cli.js")), (tmp_path / "home/lib/node_modules", tmp_path / "home/node20"))
    assert find("cli", f"{tmp_path}/bin") is None
    assert find("other", f"{tmp_path}/bin") is None
    before = stamp(found)
    (package / "cli.js").write_text("#!/usr/bin/env node\n// new\n")
    assert stamp(found) != before


def started(agent: str, role: str = "implementer", tools: tuple[str, ...] | None = None, **rules: object) -> Start:
    run = a_run(**rules)
    step = StepRule.model_validate({"name": "s", "role": role, "tools": tools})
    launch = Launch(
        replace(run, cost_usd=1.0), step, rule(agent), Brief("r", "s", role, 1, "t", "b"), "p", Checkout("r", 1, Path("/x"), "b"), 9, 9
    )
    return AGENTS[agent].start(launch, Setting(Program((f"/bin/{agent}",)), "http://127.0.0.1:3129", TOKEN))


def test_claude_gets_the_tools_of_its_step_and_what_is_left_of_the_budget() -> None:
    """Proves: 000-18, 002-19, T16."""
    words = started("claude", limits={"cost_usd": 3, "turns": 7}).argv
    assert words[words.index("--tools") + 1] == "Read,Grep,Glob,Edit,Write,Bash"
    assert words[words.index("--max-budget-usd") + 1] == "2.00"
    assert words[words.index("--max-turns") + 1] == "7"
    assert words[words.index("--model") + 1] == "m-1"
    assert {"--safe-mode", "--strict-mcp-config"} <= set(words)
    assert words[words.index("--setting-sources") + 1] == ""
    reading = started("claude", "reviewer").argv
    assert reading[reading.index("--allowedTools") + 1] == "Read,Grep,Glob"
    assert "--max-budget-usd" not in reading
    asked = started("claude", tools=("Read", "WebFetch")).argv
    assert asked[asked.index("--tools") + 1] == "Read,WebFetch"


def test_codex_takes_nothing_of_the_checkout_for_configuration() -> None:
    """Proves: 000-18, T16."""
    start = started("codex")
    assert {"--ignore-user-config", "--ignore-rules", "project_doc_max_bytes=0"} <= set(start.argv)
    assert start.argv[-3:] == ("-C", "/checkout", "-")
    assert start.env == {"SLIPWAY_MODEL_TOKEN": TOKEN}


def test_opencode_is_configured_by_one_variable() -> None:
    """Proves: 000-18, 002-19, T16."""
    start = started("opencode", "planner")
    config = json.loads(start.env["OPENCODE_CONFIG_CONTENT"])
    assert start.env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "true"
    assert start.argv[-3:] == ("--model", "slipway/m-1", "--auto")
    assert config["provider"]["slipway"]["options"] == {"baseURL": "http://127.0.0.1:3129/v1", "apiKey": TOKEN}
    assert config["permission"] == {"*": "deny", "glob": "allow", "grep": "allow", "read": "allow"}
    assert json.loads(started("opencode").env["OPENCODE_CONFIG_CONTENT"])["permission"]["edit"] == "allow"


@pytest.mark.parametrize(
    ("role", "tools", "offered"),
    [
        (
            "implementer", None,
            "glob grep_search list_directory read_file read_many_files replace run_shell_command search_file_content write_file",
        ),
        ("implementer", ("Read", "Edit"), "read_file read_many_files replace"),
        ("reviewer", None, "glob grep_search list_directory read_file read_many_files search_file_content"),
        ("custom", ("WebSearch",), "google_web_search"),
    ],
)  # fmt: skip
def test_gemini_is_offered_what_the_step_may_use_and_nothing_else(role: str, tools: tuple[str, ...] | None, offered: str) -> None:
    """Proves: 000-18, 002-01, 002-19."""
    (settings,) = started("gemini", role, tools, limits={"turns": 7}).files.values()
    assert json.loads(settings)["model"] == {"maxSessionTurns": 7}
    assert json.loads(settings)["tools"] == {"core": offered.split()}


@pytest.mark.parametrize(("tools", "search"), [(None, "disabled"), (("Read", "WebSearch"), "live")])
def test_codex_searches_the_web_only_where_it_was_granted(tools: tuple[str, ...] | None, search: str) -> None:
    """Proves: 002-01."""
    assert f'web_search="{search}"' in started("codex", tools=tools).argv


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_no_token_is_in_any_command_line(agent: str) -> None:
    """Proves: I11."""
    program = ("./x",) if agent == "command" else ()
    launch_rule = AgentRule.model_validate({"name": agent, "run": program})
    launch = Launch(
        a_run(), StepRule(name="s"), launch_rule, Brief("r", "s", "custom", 1, "t", "b"), "p", Checkout("r", 1, Path("/x"), "b"), 9, 9
    )
    words = AGENTS[agent].start(launch, Setting(Program((agent,)), "http://127.0.0.1:3129", TOKEN)).argv
    assert TOKEN not in " ".join(words)
