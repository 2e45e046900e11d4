"""The keeper looks at the agents of its host, and says what became of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.api.metrics import exposition
from app.probing import LookAtAgents, unwell
from infra.agents.probing import AgentProbes
from infra.sandbox import Unconfined
from infra.store.engine import open_store
from infra.store.probes import SqlProbes
from infra.store.reading import SqlReading


class Host:
    """A machine with a folder in which agents can be installed."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.engine = open_store(root / "data")
        self.probes = SqlProbes(self.engine)
        self.look = LookAtAgents(AgentProbes(Unconfined(), f"{self.bin}:/usr/bin:/bin"), self.probes, "here")

    def install(self, version: str) -> None:
        program = self.bin / "codex"
        program.write_text(f"#!/bin/sh\n# {'x' * len(version)}\necho 'codex-cli {version}'\n")
        program.chmod(0o755)

    def looked(self) -> list[str]:
        """What is logged of a look."""
        with capture_logs() as logs:
            self.look()
        return [f"{line['log_level']}: {line['was']} → {line['now']}" for line in logs if line["event"].startswith("an agent")]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.engine.dispose()


def test_an_agent_that_was_never_there_is_not_missed(host: Host) -> None:
    assert host.looked() == []
    assert host.probes.listing() == []


def test_an_agent_that_changes_breaks_or_vanishes_is_said(host: Host) -> None:
    """Proves: I09."""
    host.install("0.170.0")
    assert (host.looked(), unwell(host.probes.listing())) == ([], None)
    host.install("0.171.10")
    assert host.looked() == ["info: 0.170.0 → 0.171.10"]
    assert host.looked() == [], "it is said once"
    host.install("0.1")
    assert host.looked() == ["warning: 0.171.10 → broken"]
    assert "codex on here is broken: The agent 'codex' is version 0.1 here, and at least 0.169 is needed." in unwell(host.probes.listing())
    (host.bin / "codex").unlink()
    host.looked()
    assert "codex on here is absent: It is not installed. To install it: npm install -g @openai/codex." in unwell(host.probes.listing())
    assert 'slipway_agents{agent="codex",state="absent"} 1.0' in bytes(exposition(SqlReading(host.engine)).body).decode()
