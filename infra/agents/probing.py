"""How an installed agent is found on this machine: asked for its version in the sandbox, not taken at its word on disk."""

import hashlib
from dataclasses import dataclass

from infra.agents.programs import find, stamp
from infra.agents.table import AGENTS
from infra.agents.versions import Versions
from infra.sandbox.confinement import Sandbox
from jobs.errors import Fault


@dataclass(frozen=True, slots=True)
class Probe:
    """An agent as it was found: `ok`, `absent` or `broken`. `stamp` changes with the program's files."""

    agent: str
    state: str
    version: str = ""
    stamp: str = ""
    text: str = ""


class AgentProbes:
    """Looks for every agent that has a program."""

    def __init__(self, sandbox: Sandbox, search: str) -> None:
        self._versions = Versions(sandbox)
        self._search = search

    def found(self) -> list[Probe]:
        """Each of them as it is now. An unchanged program is not started again."""
        return [self._probe(name) for name, adapter in AGENTS.items() if adapter.program]

    def _probe(self, name: str) -> Probe:
        adapter = AGENTS[name]
        program = find(adapter.program, self._search)
        if program is None:
            return Probe(name, "absent", text=f"It is not installed. To install it: {adapter.install}.")
        mark = hashlib.sha256(repr(stamp(program)).encode()).hexdigest()
        try:
            return Probe(name, "ok", self._versions.of(name, adapter, program), mark)
        except Fault as fault:
            return Probe(name, "broken", stamp=mark, text=fault.reason.text)
