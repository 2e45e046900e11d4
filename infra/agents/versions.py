"""Which version of an agent is installed, asked of the agent itself inside the sandbox, once for each change of its files."""

import re
import tempfile
from pathlib import Path

from infra.agents.adapter import Adapter, Program
from infra.agents.programs import stamp
from infra.process import Bounds, Captured
from infra.sandbox.confinement import CHECKOUT, Bind, Confinement, Sandbox
from jobs.errors import Refused

PATIENCE_S = 60.0
_VERSION = re.compile(r"\d+(?:\.\d+)+")


class Versions:
    """Versions by agent."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._known: dict[str, tuple[object, str]] = {}

    def of(self, name: str, adapter: Adapter, program: Program) -> str:
        """The version; empty for an agent that has none. Raises Refused(`agent_missing`) or Fault(`sandbox_unavailable`)."""
        if not adapter.version:
            return ""
        present = stamp(program)
        stamped, version = self._known.get(name, (None, ""))
        if stamped != present:
            version = self._asked(name, adapter, program)
            self._known[name] = (present, version)
        return version

    def _asked(self, name: str, adapter: Adapter, program: Program) -> str:
        captured = self._run((*program.argv, *adapter.version), program)
        found = _VERSION.search(captured.stdout.head) if captured.ok else None
        if found is None:
            said = f"{captured.stdout.head}\n{captured.stderr.head}"
            text = f"The agent {name!r} is installed but does not run in the sandbox. Install it anew: {adapter.install}."
            raise Refused("agent_missing", text, evidence=said)
        if tuple(map(int, found[0].split("."))) < adapter.minimum:
            least = ".".join(map(str, adapter.minimum))
            text = f"The agent {name!r} is version {found[0]} here, and at least {least} is needed. Update it: {adapter.install}."
            raise Refused("agent_missing", text)
        return found[0]

    def _run(self, argv: tuple[str, ...], program: Program) -> Captured:
        """In a sandbox with an empty checkout and no network."""
        with tempfile.TemporaryDirectory(prefix="slipway-version-") as empty:
            mount = Bind(Path(empty), CHECKOUT)
            return self._sandbox.run(Confinement(argv, (mount,), read_only=program.read_only), Bounds(PATIENCE_S))
