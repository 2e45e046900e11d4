"""The commands that act: they agree with the state machine, and take whole ids only."""

import pytest

from tests.app.cli.terminal import slipway
from tests.app.town import Town


def state(town: Town, name: str) -> str:
    return str(slipway(town.data, "show", town[name], "--json").json["state"])


def test_a_queued_run_is_stopped_at_once(town: Town) -> None:
    """Proves: 001-36."""
    said = slipway(town.data, "stop", town["queued"], "--why", "Not needed.")
    assert (said.code, said.out) == (0, f"run {town['queued']} is cancelled\n")
    page = slipway(town.data, "show", town["queued"], "--json").json
    assert page["reason"] == {"code": "stopped", "text": "Not needed.", "class": "user"}


def test_a_run_at_work_is_asked_to_stop(town: Town) -> None:
    page = slipway(town.data, "stop", town["running"], "--json").json
    assert page["state"] == "running"
    assert page["stop_requested"].startswith("Stopped on the command line by cli:")


def test_a_parked_run_goes_on(town: Town) -> None:
    assert slipway(town.data, "retry", town["parked"], "--json").json["id"] == town["parked"]
    assert state(town, "parked") == "queued"


def test_a_final_run_is_started_again_as_a_new_one_on_the_same_item(town: Town) -> None:
    """Proves: 001-25. What is final stays as it is."""
    again = slipway(town.data, "retry", town["failed"], "--json").json
    assert again["id"] != town["failed"]
    assert again["retry_of"] == town["failed"]
    assert (again["source"]["number"], again["source"]["actor"]) == (8, "octocat")
    assert state(town, "failed") == "failed"


def test_a_plan_is_approved_with_a_change(town: Town) -> None:
    page = slipway(town.data, "approve", town["awaiting_approval"], "But keep it small.", "--json").json
    assert page["state"] == "queued"
    assert page["plan"].endswith("But keep it small.")


def test_something_is_said_to_the_agent(town: Town) -> None:
    assert slipway(town.data, "say", town["running"], "Use the index.").code == 0
    events = slipway(town.data, "events", town["running"], "--json").json
    assert events[-1]["payload"]["text"] == "Use the index."
    assert slipway(town.data, "say", town["running"], "  ").code == 2


@pytest.mark.parametrize(("command", "name"), [("stop", "succeeded"), ("approve", "running"), ("retry", "running"), ("say", "failed")])
def test_what_the_state_does_not_allow_is_refused_with_a_reason(town: Town, command: str, name: str) -> None:
    said = slipway(town.data, command, town[name], *(["hello"] if command == "say" else []))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("slipway: Run ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", ["stop", "retry", "approve", "say"])
@pytest.mark.parametrize("cut", [8, 31, 0])
def test_a_shortened_id_changes_nothing(town: Town, command: str, cut: int) -> None:
    """Proves: 002-02, I21, T29."""
    said = slipway(town.data, command, town["queued"][:cut], *(["hello"] if command == "say" else []))
    assert said.code == 1
    assert "give the whole id" in said.err
    assert state(town, "queued") == "queued"


def test_everything_or_one_repository_is_paused_and_resumed(town: Town) -> None:
    """Proves: 001-18."""
    assert slipway(town.data, "pause", "--repo", "acme/docs").out == "paused: acme/docs\n"
    assert slipway(town.data, "pause", "--why", "Maintenance.", "--json").json == {"paused": "*"}
    assert slipway(town.data, "resume").out == "resumed: everything\n"
    assert slipway(town.data, "resume", "--repo", "acme/docs").code == 0
    assert slipway(town.data, "resume").out == "everything was not paused as a whole: nothing to resume\n"
    assert slipway(town.data, "resume", "--json").json == {"resumed": "*", "was_paused": False}
    assert slipway(town.data, "pause", "--repo", "acme/none").code == 1
