"""The keeper looks at the agents of its host, and says what became of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.api.metrics import exposition
from app.probing import SAID, LookAtAgents, unwell
from infra.agents.probing import AgentProbes
from infra.sandbox import Unconfined
from infra.store.engine import open_store
from infra.store.probes import EVENTS_KEPT_S, Became, SqlProbes, became
from infra.store.reading import SqlReading
from infra.store.schema import agent_event
from infra.store.work import write


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
        return [f"{line['log_level']}: {line['was']} → {line['now']}" for line in logs if "event_type" in line]

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """What is stored, oldest first."""
        return [(row["type"], row["was"], row["version"]) for row in reversed(self.probes.events(3600.0))]


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
    assert (host.looked(), unwell(host.probes.listing())) == (["info: absent → 0.170.0"], None)
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


def test_what_becomes_of_an_agent_is_a_stored_event(host: Host) -> None:
    """Proves: 002-22, I09."""
    for version in ("0.170.0", "0.171.10", "0.1", "0.172.0"):
        host.install(version)
        host.look()
        host.look()
    (host.bin / "codex").unlink()
    host.look()
    host.look()
    assert host.events == [
        ("AgentFound", "absent", "0.170.0"),
        ("AgentChanged", "0.170.0", "0.171.10"),
        ("AgentBroke", "0.171.10", "broken"),
        ("AgentMended", "broken", "0.172.0"),
        ("AgentVanished", "0.172.0", "absent"),
    ]
    [vanished, *_] = host.probes.events(3600.0)
    assert (vanished["host"], vanished["agent"]) == ("here", "codex")
    assert "npm install -g @openai/codex" in vanished["text"]
    counted = bytes(exposition(SqlReading(host.engine)).body).decode()
    assert 'slipway_agent_events_total{agent="codex",event="AgentVanished"} 1.0' in counted
    assert 'slipway_agent_events_total{agent="codex",event="AgentChanged"} 1.0' in counted


def test_another_program_of_the_same_version_is_an_event_too(host: Host) -> None:
    """Proves: 002-22."""
    host.install("0.170.0")
    host.look()
    program = host.bin / "codex"
    program.write_text(program.read_text() + "# and something more\n")
    host.look()
    assert host.events[1:] == [("AgentChanged", "0.170.0", "0.170.0")]


def test_events_are_kept_for_their_time(host: Host) -> None:
    host.install("0.170.0")
    host.look()
    write(host.engine, lambda connection: connection.execute(agent_event.update().values(at=agent_event.c.at - EVENTS_KEPT_S - 1)).rowcount)
    host.look()
    assert host.probes.events(10 * EVENTS_KEPT_S) == []


OK = {"state": "ok", "version": "1", "stamp": "a"}
BROKEN = {"state": "broken", "version": "", "stamp": "a"}
ABSENT = {"state": "absent", "version": "", "stamp": ""}


@pytest.mark.parametrize(
    ("before", "found", "event"),
    [
        (None, ABSENT, None),
        (None, OK, Became("AgentFound", "absent", "1")),
        (None, BROKEN, Became("AgentBroke", "absent", "broken")),
        (ABSENT, ABSENT, None),
        (ABSENT, OK, Became("AgentFound", "absent", "1")),
        (ABSENT, BROKEN, Became("AgentBroke", "absent", "broken")),
        (OK, OK, None),
        (OK, {**OK, "stamp": "b", "version": "2"}, Became("AgentChanged", "1", "2")),
        (OK, BROKEN, Became("AgentBroke", "1", "broken")),
        (OK, ABSENT, Became("AgentVanished", "1", "absent")),
        (BROKEN, BROKEN, None),
        (BROKEN, {**BROKEN, "stamp": "b"}, Became("AgentBroke", "broken", "broken")),
        (BROKEN, OK, Became("AgentMended", "broken", "1")),
        (BROKEN, ABSENT, Became("AgentVanished", "broken", "absent")),
    ],
)
def test_what_became_of_it(before: dict[str, str] | None, found: dict[str, str], event: Became | None) -> None:
    """Proves: 002-22."""
    assert became(before, found) == event
    assert event is None or event.type in SAID
