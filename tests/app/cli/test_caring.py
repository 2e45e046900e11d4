"""The commands that look after an installation."""

import json
import socket
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema_rs import Draft202012Validator

from app.doctor import CHECKS, Checked, callbacks_can_go_out, commits_are_signed, examine
from app.examined import Found
from app.settings import Settings, load
from infra.process import Bounds
from infra.sandbox import CHECKOUT, Bind, Confinement, Unconfined
from infra.sandbox.attempts import ATTEMPTS
from infra.signing import signer
from infra.store.probes import SqlProbes
from infra.store.schema import outage, run
from jobs.config import read
from jobs.errors import Fault
from jobs.outages import OPENS_AFTER, Outage
from tests.app.cli.terminal import slipway
from tests.app.town import Town
from tests.infra.test_signing import private
from tests.needs import working_sandbox


def checks(data: Path, **env: str) -> dict[str, dict[str, str]]:
    said = slipway(data, "doctor", "--json", **env)
    return {one["name"]: one for one in said.json["checks"]}


def test_the_doctor_looks_at_every_part(town: Town) -> None:
    """Proves: 001-37."""
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0")
    assert list(found) == [
        "settings",
        "disk",
        "store",
        "backup",
        "redis",
        "git",
        "sandbox",
        *ATTEMPTS,
        "agents",
        "agent events",
        "outputs",
        "address",
        "github",
        "commits",
        "callbacks",
    ]
    assert found["store"]["state"] == "ok"
    assert found["git"]["text"].startswith("git 2.")


def test_the_doctor_names_the_agents_their_versions_and_the_keys_they_lack(town: Town, tmp_path: Path) -> None:
    """Proves: 002-08, 002-22."""
    working_sandbox(tmp_path / "probe")
    for name, version in (("claude", "2.2.0"), ("codex", "0.1.0"), ("gemini", "9.9.9")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0", PATH=f"{tmp_path}:/usr/bin:/bin", GEMINI_API_KEY="a-key-of-ours")["agents"]
    assert (found["state"], found["text"].split("; ")) == (
        "warn",
        [
            "claude 2.2.0 (no key: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN)",
            "codex cannot work: The agent 'codex' is version 0.1.0 here, and at least 0.169 is needed. "
            "Update it: npm install -g @openai/codex.",
            "gemini 9.9.9",
        ],
    )


def test_the_doctor_says_what_became_of_agents(town: Town) -> None:
    """Proves: 002-22."""
    probes = SqlProbes(town.engine)
    codex = {"state": "ok", "version": "0.170.0", "stamp": "a", "text": ""}
    assert checks(town.data, SLIPWAY_BIND="127.0.0.1:0")["agent events"]["text"] == "nothing changed in the last seven days"
    probes.note("box-1", "codex", **codex)
    probes.note("box-1", "codex", **{**codex, "version": "0.171.0", "stamp": "b"})
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0")["agent events"]
    assert (found["state"], found["text"].split("; ")[0]) == (
        "ok",
        "just now codex on box-1: an agent's program is another one (0.170.0 → 0.171.0)",
    )
    probes.note("box-1", "codex", state="absent", version="", stamp="", text="It is not installed.")
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0")["agent events"]
    assert found["state"] == "warn"
    assert found["text"].startswith(
        "codex on box-1 is absent. Mend or install it there; one that is gone is missed for a day. Lately: just now"
    )
    assert "codex on box-1: an agent is gone (0.171.0 → absent)" in found["text"]


def test_the_doctor_warns_before_outputs_take_all_their_room(town: Town, tmp_path: Path) -> None:
    """Proves: 002-11, I20."""
    server = tmp_path / "server.toml"
    server.write_text('[retention]\ndisk = "1mb"\n')
    folder = town.data / "artifacts" / "ab"
    folder.mkdir(parents=True)
    (folder / "one.gz").write_bytes(b"x" * 700_000)
    assert checks(town.data, SLIPWAY_BIND="127.0.0.1:0", SLIPWAY_CONFIG=str(server))["outputs"]["state"] == "ok"
    (folder / "two.gz").write_bytes(b"x" * 200_000)
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0", SLIPWAY_CONFIG=str(server))["outputs"]
    assert (found["state"], found["text"].partition(". ")[2]) == (
        "warn",
        "Raise `retention.disk`, or lower `retention.runs`: over it those unread for longest are forgotten.",
    )


def test_the_doctor_tries_to_break_out(tmp_path: Path) -> None:
    """Proves: T39, T13, T14, T25."""
    working_sandbox(tmp_path / "probe")
    found = checks(tmp_path / "data", SLIPWAY_BIND="127.0.0.1:0")
    assert {name: found[name]["text"] for name in ATTEMPTS} == dict.fromkeys(ATTEMPTS, "tried and prevented")


def test_on_a_host_that_has_no_sandbox_the_doctor_says_what_to_do_and_proves_nothing(tmp_path: Path) -> None:
    """Proves: T39. The host is the inside of a sandbox: a place where no further ones can be made."""
    root, python = Path(__file__).parents[3], Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name
    env = {"SLIPWAY_DATA_DIR": "/tmp/data", "SLIPWAY_BIND": "127.0.0.1:0", "PYTHONPATH": ":".join(path for path in sys.path if path)}
    seen = tuple({Path(sys.prefix), *(Path(path) for path in sys.path if Path(path).is_dir() and root not in Path(path).parents)})
    confinement = Confinement((str(python), "-m", "app", "doctor", "--json"), (Bind(root, CHECKOUT),), env=env, read_only=seen)
    captured = working_sandbox(tmp_path / "probe").run(confinement, Bounds(60))
    found = {one["name"]: one for one in json.loads(captured.stdout.text)["checks"]}
    assert captured.exit_code == 1
    assert found["sandbox"]["state"] == "fail"
    assert found["sandbox"]["text"].startswith("This machine does not let a program make namespaces, as is usual inside a container:")
    assert {found[name]["text"] for name in ATTEMPTS} == {"not tried: there is no sandbox to try it in, see above"}
    assert {found[name]["state"] for name in ATTEMPTS} == {"fail"}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_gets_through_is_told(tmp_path: Path, name: str) -> None:
    """Proves: T39. The attempts themselves, where nothing holds them: each is seen to get through, or not to have been tried."""
    (place := tmp_path / "place").mkdir()
    assert ATTEMPTS[name](Unconfined(), place)


def test_the_doctor_makes_nothing(tmp_path: Path) -> None:
    slipway(tmp_path, "doctor", SLIPWAY_BIND="127.0.0.1:0")
    assert list(tmp_path.iterdir()) == []


def test_an_address_somebody_else_has_is_a_failure(tmp_path: Path) -> None:
    """Proves: 002-16. The very address we are to listen on is tried, not another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.settimeout(0.1)
        said = slipway(tmp_path, "doctor", SLIPWAY_BIND=f"127.0.0.1:{port}")
        assert said.code == 1
        assert f"127.0.0.1:{port} is taken by another program. Stop it, or change SLIPWAY_BIND." in said.out
        assert checks(tmp_path, SLIPWAY_BIND=f"127.0.0.2:{port}")["address"]["state"] == "ok"
    assert "cannot be listened on" in checks(tmp_path, SLIPWAY_BIND="192.0.2.1:8080")["address"]["text"]


def test_a_redis_that_does_not_answer_is_a_failure_without_its_password(tmp_path: Path) -> None:
    said = slipway(tmp_path, "doctor", SLIPWAY_REDIS_URL="redis://:hunter2@127.0.0.1:1/0", SLIPWAY_BIND="127.0.0.1:0")
    assert "Redis does not answer (ConnectionError)." in said.out
    assert "hunter2" not in said.out + said.err


def test_a_damaged_store_is_a_failure_that_says_how_to_recover(town: Town) -> None:
    """Proves: 001-38."""
    town.engine.dispose()
    (town.data / "store" / "slipway.db").write_bytes(b"not a database" * 100)
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0")["store"]
    assert found["state"] == "fail"
    assert "slipway restore FILE" in found["text"]


def test_what_fails_for_every_run_is_a_warning(town: Town) -> None:
    """Proves: F31."""
    row = Outage("7:claude", "provider_overloaded", "r", OPENS_AFTER, 1.0, openings=1, open_until=2.0)
    with town.engine.begin() as connection:
        connection.execute(outage.insert().values(asdict(row)))
    found = checks(town.data, SLIPWAY_BIND="127.0.0.1:0")["store"]
    assert (found["state"], found["text"]) == (
        "warn",
        "The model provider behind claude fails for every run of installation 7 (provider_overloaded): they wait, and one tries it now and "
        "then. See to its status and its key.",
    )


def test_settings_that_cannot_be_used_are_the_only_thing_checked(tmp_path: Path) -> None:
    """Proves: 001-46."""
    found = checks(tmp_path, SLIPWAY_WEBHOOK_SECRETS="short")
    assert list(found) == ["settings"]
    assert found["settings"]["state"] == "fail"


def test_a_fault_of_a_check_is_told_with_its_evidence(tmp_path: Path) -> None:
    def broken(settings: Settings) -> Found:
        raise Fault("sandbox_unavailable", "No sandbox works here.", evidence="bwrap: Permission denied")

    settings = load({"SLIPWAY_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)})
    assert examine(lambda: settings, {"sandbox": broken}) == (
        Checked("sandbox", "fail", "No sandbox works here. It said: bwrap: Permission denied"),
    )
    assert set(CHECKS) >= {"sandbox"}


def test_a_configuration_is_checked_line_by_line(tmp_path: Path) -> None:
    """Proves: 000-12."""
    file = tmp_path / "slipway.yml"
    file.write_text("version: 1\nagnet: claude\ngates:\n  - {name: tests}\n")
    said = slipway(tmp_path, "validate", str(file))
    assert said.code == 1
    assert said.out == f"{file}:2: agnet: unknown key\n{file}:4: gates.0.run: a value is needed here\n"
    assert slipway(tmp_path, "validate", str(file), "--json").json["errors"][0] == {"line": 2, "key": "agnet", "text": "unknown key"}
    file.write_text("version: 1\n")
    assert slipway(tmp_path, "validate", str(file)).out == f"✓ {file} is valid\n"
    assert slipway(tmp_path, "validate", "-", stdin="version: 2\n").code == 1
    assert slipway(tmp_path, "validate", str(tmp_path / "none.yml")).err.startswith("slipway: there is no ")
    file.write_bytes(b"\xff\xfe")
    assert slipway(tmp_path, "validate", str(file)).code == 1


@pytest.mark.parametrize("what", ["config", "api", "callback", "result"])
def test_schemas_are_printed(tmp_path: Path, what: str) -> None:
    assert isinstance(slipway(tmp_path, "schema", what).json, dict)
    assert slipway(tmp_path, "schema", "weather").code == 2


def test_the_config_schema_has_what_a_file_may_say(tmp_path: Path) -> None:
    properties = slipway(tmp_path, "schema", "config").json["properties"]
    assert {"agent", "flows", "gates", "limits", "network", "protect", "delivery", "callbacks"} <= properties.keys()
    assert "from_file" not in properties


SHORT = """
agent: claude
flows: {quick: {steps: [{name: code, role: implementer, agent: {name: codex}}]}}
gates: [{name: tests, run: [pytest, -q], timeout: 15m}]
limits: {wall: 45m, idle: 90, patch_bytes: 1mb}
"""


def test_the_config_schema_takes_what_the_service_takes(tmp_path: Path) -> None:
    """An editor that knows only the schema may not call the short forms wrong: `agent: claude`, `15m`, `1mb`."""
    schema = Draft202012Validator(slipway(tmp_path, "schema", "config").json)
    assert read(SHORT).limits.wall == 2700
    assert [error.message for error in schema.iter_errors(yaml.safe_load(SHORT))] == []
    assert not schema.is_valid({"limits": {"wall": "45 parsecs"}})
    assert not schema.is_valid({"agnt": "claude"})


def test_a_backup_is_put_back_and_everything_is_paused(town: Town, tmp_path: Path) -> None:
    """Proves: 001-39, 001-18."""
    copy = tmp_path / "copy.db"
    assert slipway(town.data, "backup", str(copy)).code == 0
    slipway(town.data, "stop", town["queued"])
    town.engine.dispose()
    said = slipway(town.data, "restore", str(copy))
    assert said.code == 0, said.err
    assert "the store that was there is kept as" in said.out
    assert slipway(town.data, "show", town["queued"], "--json").json["state"] == "queued"
    assert slipway(town.data, "resume").code == 0
    assert slipway(town.data, "restore", str(tmp_path / "none.db")).code == 1
    assert json.loads(slipway(town.data, "backup", str(copy), "--json").out)["bytes"] > 0
    nowhere = slipway(town.data, "backup", str(tmp_path / "none" / "store.db"))
    assert (nowhere.code, nowhere.err.endswith("Name a file in a folder that is there and has room.\n")) == (1, True)


def test_what_must_always_hold_is_checked_and_a_violation_is_a_line(town: Town) -> None:
    """Proves: 001-01, I05."""
    assert slipway(town.data, "invariants").out == "✓ every invariant holds\n"
    with town.engine.begin() as connection:
        connection.execute(sa.update(run).where(run.c.id == town["running"]).values(lease_until=1.0))
    said = slipway(town.data, "invariants")
    assert said.code == 1
    assert said.out.startswith(f"I05 {town['running']}: it is running and its lease ended ")
    assert said.out.endswith(
        " s ago. To do: a keeper takes such a run back within a minute: is one there (`slipway doctor`)? It helps to start one.\n"
    )
    [found] = slipway(town.data, "invariants", "--json").json["violations"]
    assert (found["invariant"], found["subject"]) == ("I05", town["running"])
    assert found["remedy"].startswith("a keeper takes such a run back")


def test_doctor_shows_the_public_half_of_the_signing_key_and_nothing_of_the_other(tmp_path: Path) -> None:
    """Proves: I11."""
    key = private(Ed25519PrivateKey.generate())
    settings = load({"SLIPWAY_DATA_DIR": str(tmp_path), "HOME": str(tmp_path), "SLIPWAY_SIGNING_KEY": key})
    said = commits_are_signed(settings)
    assert said.state == "ok"
    assert said.text.endswith(signer(key).public)
    assert key[40:80] not in said.text
    assert callbacks_can_go_out(settings).text.startswith("no SLIPWAY_CALLBACK_SECRETS")
