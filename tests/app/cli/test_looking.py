"""The commands that look."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.figures import FIGURES
from infra.artifacts import FileArtifacts
from infra.store.schema import activity
from tests.app.cli.terminal import slipway
from tests.app.town import Town


def test_runs_are_listed_newest_first_one_a_line_for_a_pipe(town: Town) -> None:
    said = slipway(town.data, "runs")
    lines = [line.split("\t") for line in said.out.splitlines()]
    assert said.code == 0
    assert [line[0] for line in lines[:2]] == [town["behind"], town["queued"]]
    assert lines[-1][1:5] == ["succeeded", "acme/shop", "issue #7", "implement"]


def test_runs_as_json_is_an_array_of_runs_newest_first(town: Town) -> None:
    found = slipway(town.data, "runs", "--json").json
    assert [run["id"] for run in found][:2] == [town["behind"], town["queued"]]
    assert len(found) == len(town.ids)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--state", "failed"], ["failed"]),
        (["--repo", "acme/docs"], ["behind"]),
        (["--scope", "7:43"], ["behind"]),
        (["--scope", "7:4"], []),
        (["--limit", "1"], ["behind"]),
    ],
)
def test_runs_are_filtered(town: Town, options: list[str], names: list[str]) -> None:
    """Proves: 000-07, 000-15. A scope is compared whole."""
    assert [run["id"] for run in slipway(town.data, "runs", "--json", *options).json] == [town[name] for name in names]


def test_show_explains_a_failure_without_a_log(town: Town) -> None:
    """Proves: 000-36, 003-05, I09."""
    out = slipway(town.data, "show", town["failed"]).out
    for part in (
        "● failed  Prices in euros <script>alert(1)</script>",
        "gates_failed: The tests still fail after 2 turns. Look at the findings, then retry with a hint.",
        "✗ turn 1  scripted exit 0, 12 s, $0.21",
        "✗ tests  exit 2, 3.1 s",
        "│ E       assert Money(2) == Money(4)",
        "! lint  exit 1, 0.2 s, not required",
        "tests/test_cart.py:31: test_total_counts_each_item: Money(2) == Money(4)",
        "run.failed → https://hooks.example.org (617eaa2a), 0 tries",
        f"slipway retry {town['failed']}   try again",
    ):
        assert part in out


def test_show_tells_what_the_sandboxes_asked_the_network_for(town: Town) -> None:
    """Proves: 002-03, T14. Every decision counts, refusals stand first, and a record that is gone is missed."""
    artifacts = FileArtifacts(town.engine, town.data / "artifacts")
    rows = [("packages.example.org:443", "allowed", 900, 4_000), ("evil.test:443\x1b[2J", "denied: not on the list of hosts", 0, 0)]
    for name, times in (("egress-1-1-aa.jsonl", 2), ("egress-1-2-bb.jsonl", 1)):
        lines = [json.dumps(dict(zip(("target", "verdict", "sent", "received"), row, strict=True))) for row in rows * times]
        artifacts.put(town["failed"], name, "\n".join(lines).encode())
    out = slipway(town.data, "show", town["failed"]).out
    told = out[out.index("network\n") :].splitlines()[1:3]
    assert told == [
        "  ✗ evil.test:443[2J  denied: not on the list of hosts, 3 times",
        "  ✓ packages.example.org:443  allowed, 3 times, 2,700 bytes out and 12,000 in",
    ]
    network = slipway(town.data, "show", town["failed"], "--json").json["network"]
    assert [(one["verdict"], one["times"]) for one in network] == [("denied: not on the list of hosts", 3), ("allowed", 3)]
    for file in (town.data / "artifacts").glob("*/*.gz"):
        file.write_bytes(b"")
    assert "egress-1-1-aa.jsonl  this record is not on this machine, or is damaged, once" in slipway(town.data, "show", town["failed"]).out


def test_show_tells_where_a_delivered_run_went_and_hides_what_a_callback_url_may_hold(town: Town) -> None:
    out = slipway(town.data, "show", town["succeeded"]).out
    assert "branch slipway/7-total-d1 at cccccccccccc" in out
    assert "pull request #12  https://github.com/acme/shop/pull/12" in out
    answered = "last answer 500: The receiver answered 500. Cannot POST [redacted]"
    assert f"dead  run.started → https://hooks.example.org (617eaa2a), 1 try, {answered}" in out
    assert "hidden" not in out + slipway(town.data, "callbacks", "list").out


@pytest.mark.parametrize("name", ["succeeded", "failed", "parked", "awaiting_approval", "running", "cancelled", "rejected", "queued"])
def test_show_as_json_is_the_page_of_the_api(town: Town, name: str) -> None:
    page = slipway(town.data, "show", town[name], "--json").json
    assert page["id"] == town[name]
    assert page["state"] == name
    assert slipway(town.data, "show", town[name]).code == 0


def test_a_shortened_id_is_not_taken_but_understood(town: Town) -> None:
    said = slipway(town.data, "show", town["failed"][:8])
    assert (said.code, said.out) == (1, "")
    assert said.err == f"slipway: there is no run '{town['failed'][:8]}'; did you mean {town['failed']}?\n"


def test_events_tell_what_happened_in_order(town: Town) -> None:
    lines = slipway(town.data, "events", town["failed"]).out.splitlines()
    assert [line.split()[2] for line in lines[:4]] == ["Queued", "Claimed", "Prepared", "Launched"]
    assert lines[-1].endswith("gates_failed: The tests still fail after 2 turns. Look at the findings, then retry with a hint.")
    found = slipway(town.data, "events", town["failed"], "--json").json
    assert [event["type"] for event in found] == [line.split()[2] for line in lines]


def test_following_a_final_run_ends(town: Town) -> None:
    assert slipway(town.data, "events", "-f", town["succeeded"]).out.splitlines()[-1].split()[2] == "Delivered"
    assert "gate tests: passed" in slipway(town.data, "logs", "-f", town["succeeded"]).out


def test_followed_logs_show_what_the_agent_does_while_it_works(town: Town) -> None:
    """Proves: 004-26, 004-38. The lines of a run that has just ended can still be read."""
    with town.engine.begin() as connection:
        rows = [("tool", "Read a.py"), ("error", "Bash was not allowed"), ("message", "I give up.")]
        here = {"run_id": town["failed"], "attempt": 1, "step": "code", "iteration": 2, "at": 1_795_000_000.0}
        connection.execute(activity.insert(), [{**here, "kind": kind, "text": text} for kind, text in rows])
    said = slipway(town.data, "logs", "-f", town["failed"])
    assert said.out.splitlines()[:3] == [
        "2026-11-18 11:06:40  code 2  tool    Read a.py",
        "2026-11-18 11:06:40  code 2  error   Bash was not allowed",
        "2026-11-18 11:06:40  code 2  message I give up.",
    ]
    assert "Read a.py" not in slipway(town.data, "logs", town["failed"]).out
    told = [json.loads(line) for line in slipway(town.data, "logs", "-f", "--json", town["failed"]).out.splitlines()[:3]]
    assert [(line["kind"], line["text"]) for line in told] == rows


def test_logs_hold_what_agent_and_gates_printed(town: Town) -> None:
    out = slipway(town.data, "logs", town["failed"]).out
    assert "Changing Cart.total" in out
    assert "── gate tests: failed, exit 2" in out
    assert "E       assert Money(2) == Money(4)" in out


def test_stats_take_a_window(town: Town) -> None:
    """Proves: 001-58, 002-12."""
    pack = slipway(town.data, "stats", "--window", "2h", "--json").json
    assert pack["window_s"] == 7200
    assert pack["reasons"]["gates_failed"] == 1
    told = dict(line.split("\t") for line in slipway(town.data, "stats").out.splitlines())
    assert (told["window"], told["for an unknown reason"]) == ("1 h", "0 %")
    assert set(pack) - set(FIGURES) == {"until"}, "a figure nobody would be shown"
    assert [slipway(town.data, "stats", "--window", window).code for window in ("soon", "0s", "-1h")] == [2, 2, 2]


def test_the_boxes_are_listed_and_replayed(town: Town) -> None:
    rows = slipway(town.data, "inbox", "list", "--json").json
    assert [row["state"] for row in rows] == ["pending", "dead", "ignored", "done"]
    assert slipway(town.data, "inbox", "replay", str(rows[1]["id"])).code == 0
    assert [row["state"] for row in slipway(town.data, "inbox", "list", "--json").json] == ["pending", "pending", "ignored", "done"]
    dead = slipway(town.data, "callbacks", "list", "--state", "dead", "--json").json
    assert slipway(town.data, "callbacks", "replay", dead[0]["id"]).code == 0
    assert slipway(town.data, "callbacks", "list", "--state", "dead", "--json").json == []
    assert slipway(town.data, "callbacks", "replay", "msg_none").err.startswith("slipway: there is no callback 'msg_none'")
    assert slipway(town.data, "inbox", "replay", "999").code == 1


def test_without_a_store_a_look_says_how_to_begin(tmp_path: Path) -> None:
    said = slipway(tmp_path, "runs")
    assert (said.code, said.out) == (1, "")
    assert said.err == f"slipway: there is no store in {tmp_path} yet: start with 'slipway up', or set SLIPWAY_DATA_DIR\n"
    assert list(tmp_path.iterdir()) == []


def test_a_quick_look_does_not_load_the_service(town: Town) -> None:
    loaded = "import sys; from app.cli.main import main; main(['runs']); print(sorted({name.partition('.')[0] for name in sys.modules}))"
    env = {"SLIPWAY_DATA_DIR": str(town.data), "PATH": "/usr/bin", "HOME": str(town.data)}
    out = subprocess.run([sys.executable, "-c", loaded], env=env, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    for heavy in ("starlette", "uvicorn", "rq", "redis", "httpx", "jinja2", "gidgethub", "prometheus_client"):
        assert f"'{heavy}'" not in out


def test_find_leads_from_an_id_to_its_run(town: Town) -> None:
    """Proves: I23."""
    run_id = town["succeeded"]
    found = slipway(town.data, "find", f"run={run_id}", "--json").json
    assert [(one["id"], one["found_by"]) for one in found] == [(run_id, f"run {run_id}")]
    assert run_id in slipway(town.data, "find", run_id[:8]).out
    nothing = slipway(town.data, "find", "0" * 40)
    assert (nothing.code, nothing.err.partition(":")[2].partition(":")[0]) == (1, " no run has to do with that")
