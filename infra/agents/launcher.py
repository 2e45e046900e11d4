"""The one way any agent starts: in the sandbox, with its brief, bounded in time and output, and judged by more than its exit code."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.agents import document
from infra.agents.access import Checkouts, Listeners, Models, Networks, Nobody, NoModels, PlainNetworks, StopFlag
from infra.agents.adapter import INSIDE, Access, Adapter, Program, Setting, Start, reads_only
from infra.agents.document import BadResult, Result
from infra.agents.following import Audience, Following
from infra.agents.launches import LaunchLog, Line
from infra.agents.prices import bill, of_prompts
from infra.agents.programs import SEARCH, find
from infra.agents.sessions import memory
from infra.agents.table import AGENTS
from infra.agents.telling import Left, told, turn_name
from infra.agents.versions import Versions
from infra.leftovers import Unusable, read_left
from infra.outputs import WHOLE, Outputs
from infra.process import Bounds, Captured
from infra.sandbox.confinement import BROKER_PORT, Bind, Confinement, Network, Sandbox, Session, limited
from infra.workspaces.layout import named
from infra.workspaces.removal import remove
from jobs.errors import Refused
from jobs.evidence import AgentResult
from jobs.ports import Clock, Launch, Price
from jobs.rules import AgentRule

POLL_S = 1.0
BRIEF = f"{INSIDE}/brief.json"
OUT = f"{INSIDE}/out"
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the launcher works with.

    A launch keeps its files in `scratch`/<run>: where that is also the directory of the run's checkouts, they go with them.
    `search` is where agents are looked for.
    """

    sandbox: Sandbox
    checkouts: Checkouts
    stop: StopFlag
    outputs: Outputs
    log: LaunchLog
    clock: Clock
    scratch: Path
    models: Models = field(default_factory=NoModels)
    networks: Networks = field(default_factory=PlainNetworks)
    listeners: Listeners = field(default_factory=Nobody)
    search: str = SEARCH


class SandboxedAgents:
    """`jobs.ports.Agents` in a sandbox."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._versions = Versions(around.sandbox)

    def check(self, agent: AgentRule) -> str:
        """The agent's version. Raises Refused(`agent_missing` | `provider_auth`) or Fault(`sandbox_unavailable`)."""
        adapter = AGENTS[agent.name]
        if adapter.provider:
            self._around.models.check(adapter.provider)
        return self._versions.of(agent.name, adapter, self._program(agent, adapter))

    def price(self, agent: AgentRule) -> Price | None:
        """What a token of the agent's prompt costs; None for one without a model of a provider's."""
        provider = AGENTS[agent.name].provider
        return of_prompts(provider, agent.model) if provider else None

    def launch(self, launch: Launch) -> AgentResult:
        """Run the agent to its end. Raises Fault only when it could not be started."""
        adapter = AGENTS[launch.agent.name]
        program = self._program(launch.agent, adapter)
        version = self._versions.of(launch.agent.name, adapter, program)  # asked again only of a program that was replaced meanwhile
        with contextlib.ExitStack() as stack:
            private = stack.enter_context(self._private(launch.run.id))
            access = (
                stack.enter_context(self._around.models.open(launch.run, adapter.provider, launch.agent.model))
                if adapter.provider
                else None
            )
            network = stack.enter_context(self._around.networks.open(launch.run, launch.run.rules.network))
            kept = memory(self._around.scratch, launch)
            start = adapter.start(launch, _setting(program, access, kept.session))
            self._note(launch)
            confinement = self._confinement(launch, start, program, private, _joined(network, access))
            confinement = replace(confinement, binds=(*kept.opened(adapter), *confinement.binds))
            captured = self._run(launch, adapter, confinement)
            found = _document(private / "out")
        left = Left(captured, found, version or None, self._around.clock.now())
        result = told(launch, adapter, left, self._around.outputs)
        kept.closed(result)
        return _metered(result, adapter.provider, access)

    def _note(self, launch: Launch) -> None:
        """What the agent is told, before it is: a launch that never comes back is explained too."""
        name = turn_name(launch)
        self._around.outputs.write(launch.run.id, f"{name}.brief.json", document.brief_of(launch.brief))
        self._around.outputs.write(launch.run.id, f"{name}.prompt", launch.prompt)

    def _program(self, agent: AgentRule, adapter: Adapter) -> Program:
        if not adapter.program:
            return Program(agent.run)
        found = find(adapter.program, self._around.search)
        if found is None:
            text = (
                f"The agent {agent.name!r} is not installed on this machine. Install it there ({adapter.install}), or name another `agent`."
            )
            raise Refused("agent_missing", text)
        return found

    @contextlib.contextmanager
    def _private(self, run_id: str) -> Iterator[Path]:
        """A directory for one launch; what the agent left in it goes with it."""
        parent = self._around.scratch / named(run_id)
        parent.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix="launch-", dir=parent))
        try:
            (path / "out").mkdir()
            yield path
        finally:
            remove(path)

    def _confinement(self, launch: Launch, start: Start, program: Program, private: Path, network: Network) -> Confinement:
        written = {BRIEF: document.brief_of(launch.brief), **start.files}
        confinement = Confinement(
            argv=start.argv,
            checkout=self._around.checkouts.mounts(launch.run, launch.checkout),
            env={"SLIPWAY_BRIEF": BRIEF, "SLIPWAY_RESULT": f"{OUT}/{RESULT}", **start.env},
            read_only=program.read_only,
            binds=(Bind(private / "out", OUT, writable=True), *_written(private, written)),
            stdin=launch.prompt.encode(errors="replace"),
            network=network,
            checkout_read_only=reads_only(launch),
        )
        return limited(confinement, launch.run.rules.limits)

    def _run(self, launch: Launch, adapter: Adapter, confinement: Confinement) -> Captured:
        bounds = Bounds(launch.timeout_s, launch.idle_s, launch.run.rules.limits.output_bytes, whole_bytes=WHOLE)
        with self._around.sandbox.start(confinement, bounds) as session:
            self._around.log.append(self._line(launch))
            audience = Audience(self._around.listeners, self._around.outputs, self._around.clock)
            return self._awaited(session, launch.run.id, Following(launch.run, adapter, session, audience))

    def _line(self, launch: Launch) -> Line:
        run = launch.run
        return Line(run.id, run.attempt, launch.step.name, run.iteration, launch.agent.name, self._around.clock.now())

    def _awaited(self, session: Session, run_id: str, following: Following) -> Captured:
        """The end. This thread started the sandbox, which dies with it; so it stays, listens, and asks whether the run is to stop."""
        with ThreadPoolExecutor(1, thread_name_prefix="await-agent") as pool:
            end = pool.submit(session.wait)
            try:
                while not wait([end], timeout=POLL_S).done:
                    if self._around.stop.requested(run_id):
                        session.stop()
                    following.look()
                following.end()
            finally:
                session.stop()
            return end.result()


def _metered(result: AgentResult, provider: str | None, access: Access | None) -> AgentResult:
    """What the broker counted wins over what the agent says of itself: a program that is told what to say could name a cheaper model.

    A price nobody knows stays unknown, whatever the agent says.
    """
    if access is None or access.meter is None or not access.meter.requests:
        return result
    return replace(result, tokens=access.meter.tokens, cost_usd=bill(provider, access.meter.by_model))


def _setting(program: Program, access: Access | None, session: str | None) -> Setting:
    url, token = (f"http://127.0.0.1:{BROKER_PORT}", access.token) if access else ("", "")
    return Setting(program, url, token, session)


def _joined(network: Network, access: Access | None) -> Network:
    return replace(network, broker=access.socket) if access else network


def _written(private: Path, files: Mapping[str, str]) -> Iterator[Bind]:
    """Each file written by us, to be seen read-only where it belongs."""
    for number, (target, text) in enumerate(files.items()):
        source = private / f"file-{number}"
        source.write_text(text, encoding="utf-8", errors="replace")
        yield Bind(source, target)


def _document(out: Path) -> Result | BadResult | None:
    """The result document, which the agent may have replaced by anything; only once nothing of it lives."""
    try:
        data = read_left(out, RESULT, document.MOST_BYTES)
        return None if data is None else document.read(data)
    except Unusable as unusable:
        return BadResult(str(unusable))
    except BadResult as bad:
        return bad
