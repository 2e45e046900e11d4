"""From a kept delivery to what was done about it, on a real store."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.catching_up import VERIFIED_BY
from app.intake import FORGOTTEN
from handlers.routes import ROUTES
from infra.store.engine import open_store
from infra.store.inbox import Delivery
from jobs.errors import Fault, Reason, Refused
from jobs.events import Parked
from jobs.messages import footer
from jobs.model import Run, RunState
from tests.app.reception import HEAD, Reception, button, commenting, issue, labeling, payload, reception
from tests.fakes.forge import Breaks, Crash
from tests.payloads.octokit import Example, examples


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an empty store, for copying."""
    place = tmp_path_factory.mktemp("fresh")
    open_store(place).dispose()
    return place


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Reception]:
    made = reception(tmp_path)
    yield made
    made.engine.dispose()


def test_a_label_is_a_queued_run_with_eyes_on_the_issue_and_bells(world: Reception) -> None:
    """Proves: 000-20, I17, I23."""
    world.forge.put_label(7, "slipway")
    row = world.hears("issues", labeling(), "d-9")
    (run,) = world.all_runs()
    assert (row["state"], row["run_id"], row["scope"], row["reason"]) == ("done", run.id, "7:42", "started")
    assert (run.state, run.request.intent_key, run.request.flow) == (RunState.QUEUED, "label:42:500", "implement")
    assert run.request.source.delivery == "d-9"
    assert run.request.source.actor is not None
    assert run.request.source.actor.permission == "write"
    assert world.board.reactions == [(7, None, "eyes")]
    assert world.bell.rung == [("advance", run.id), ("relay", run.id)]
    assert world.board.comments == []


def test_the_same_labeling_is_one_run_however_often_and_wherever_it_is_heard(world: Reception) -> None:
    """Proves: I03, F02, F05, F06, F13, T03, 001-03."""
    world.forge.put_label(7, "slipway")
    for delivery in ("a", "b", "c"):
        world.hears("issues", labeling(), delivery)
    assert len(world.all_runs()) == 1
    world.forge.label_events[(7, "slipway")] = 777
    world.hears("issues", labeling(), "d")
    assert len(world.all_runs()) == 2


def test_what_a_restored_store_forgot_and_github_shows_is_not_done_twice(world: Reception, tmp_path: Path) -> None:
    """Proves: F09, F44, I03, I04."""
    (run,) = commanded(world, "lost", "secret:0")
    world.board.comment(run.repository, 7, footer(run, None))
    after = reception(tmp_path / "restored", forge=world.forge, board=world.board)
    try:
        assert commanded(after, "lost", VERIFIED_BY) == []
        assert after.inbox.listing()[0]["reason"] == FORGOTTEN
        assert len(commanded(after, "never answered", VERIFIED_BY)) == 1
    finally:
        after.engine.dispose()


def commanded(world: Reception, delivery: str, verified_by: str) -> list[Run]:
    """Somebody gave a command, and we know of it in that way; the runs there are."""
    body = json.dumps(commenting("/slipway run")).encode()
    [(row, _)] = world.inbox.insert([Delivery("77", "issue_comment", delivery, "created", None, verified_by, body)])
    world.intake.handle(row)
    return world.all_runs()


def test_a_label_that_is_gone_by_now_starts_nothing(world: Reception) -> None:
    """Proves: F07."""
    row = world.hears("issues", labeling())
    assert (row["state"], row["reason"]) == ("ignored", "the label 'slipway' is not on the issue any more")
    assert world.all_runs() == []


def test_other_labels_cost_no_more_than_the_configuration(world: Reception) -> None:
    world.forge.put_label(7, "bug")
    assert world.hears("issues", labeling("bug"))["state"] == "ignored"
    assert world.forge.asked == ["config"]


def test_it_is_the_labeler_who_needs_the_right(world: Reception) -> None:
    """Proves: T05."""
    world.forge.put_label(7, "slipway")
    row = world.hears("issues", labeling(by="eve"))
    assert (row["state"], row["reason"]) == ("done", "answered")
    assert world.board.said(7) == [
        "`eve` has the role `read` here, and the label `slipway` needs at least `write`, so nothing was done. "
        "Somebody with that role can ask for it instead."
    ]
    assert world.all_runs() == []


def test_a_flood_of_strangers_commands_is_answered_once(world: Reception) -> None:
    """Proves: F14, T12, I14."""
    for _ in range(20):
        world.hears("issue_comment", commenting("/slipway run", by="eve"))
    assert len(world.board.comments) == 1
    assert world.board.reactions == []


def test_a_comment_with_commands_is_worked_through_in_order(world: Reception) -> None:
    row = world.hears("issue_comment", commenting("/slipway fix the typo\n/slipway stpo\n/slipway stop\n", comment=901))
    (run,) = world.all_runs()
    assert (run.state, run.request.intent_key, run.request.instructions) == (RunState.CANCELLED, "comment:42:901:0", "the typo")
    assert row["reason"] == "started; answered; stopped"
    assert world.board.said(7) == [
        "There is no command `stpo`. Did you mean `/slipway stop`? To hand a single word to an agent write `/slipway run stpo`. "
        "`/slipway help` lists every command."
    ]


def test_an_edited_comment_is_no_new_word(world: Reception) -> None:
    """Proves: T08."""
    row = world.hears("issue_comment", {**commenting("/slipway run"), "action": "edited"})
    assert row["state"] == "dead"
    assert "action 'edited'" in row["reason"]


def test_our_own_doing_is_never_heard(world: Reception) -> None:
    """Proves: I18, F88, T36."""
    world.forge.put_label(7, "slipway")
    for event, said in (("issues", labeling(by="slipway[bot]")), ("issue_comment", commenting("/slipway run", by="slipway[bot]"))):
        assert world.hears(event, said)["reason"] == "our own doing"
    assert world.hears("issue_comment", commenting("/slipway run", by="robot[bot]"))["state"] == "ignored"
    assert (world.all_runs(), world.board.comments, world.forge.asked) == ([], [], [])


def test_what_is_said_while_a_run_works_reaches_it_and_starts_nothing(world: Reception) -> None:
    """Proves: 000-21, 000-35."""
    world.hears("issue_comment", commenting("/slipway fix"))
    (run,) = world.all_runs()
    world.hears("issue_comment", commenting("> you said\n\nuse tabs", comment=902))
    world.hears("issue_comment", commenting("/slipway and be quick", comment=903))
    world.hears("issue_comment", commenting("ignore all that", by="eve"))
    events = world.reading.events(run.id)
    assert [event["payload"]["text"] for event in events if event["type"] == "MessageReceived"] == ["use tabs", "and be quick"]
    assert len(world.all_runs()) == 1
    assert (7, 902, "eyes") in world.board.reactions
    assert world.board.comments == []


def test_free_text_without_a_run_is_a_run(world: Reception) -> None:
    world.hears("issue_comment", commenting("/slipway greet in French\nand in Welsh"))
    (run,) = world.all_runs()
    assert (run.request.flow, run.request.instructions) == ("implement", "greet in French\nand in Welsh")


def test_plain_talk_where_nothing_runs_costs_nothing(world: Reception) -> None:
    assert world.hears("issue_comment", commenting("nice weather"))["reason"] == "no run listens here"
    assert world.forge.asked == []


def test_a_broken_configuration_is_a_rejected_run(world: Reception) -> None:
    """Proves: 003-10, 000-12, I09."""
    world.forge.text = "version: 1\nflows:\n  x: {steps: []}\ncolour: red\n"
    world.forge.put_label(7, "slipway")
    row = world.hears("issues", labeling())
    (run,) = world.all_runs()
    assert (run.state, run.reason and run.reason.code) == (RunState.REJECTED, "config_invalid")
    assert run.reason is not None
    assert "line 3: flows.x.steps" in run.reason.text
    assert "line 4: colour: unknown key" in run.reason.text
    assert (row["state"], row["run_id"]) == ("done", run.id)
    assert world.bell.rung == [("relay", run.id)]


def test_a_configuration_that_is_no_file_is_a_mistake_too(world: Reception) -> None:
    world.forge.put_label(7, "slipway")
    world.forge.away = Refused("config_invalid", "it is a folder")
    world.intake.handle(world.arrives("issues", labeling()))
    world.forge.away = None
    (row,) = world.inbox.listing()
    assert row["state"] == "dead"


def test_an_unknown_flow_is_a_rejected_run(world: Reception) -> None:
    world.hears("issue_comment", commenting("/slipway run --flow nonsense"))
    (run,) = world.all_runs()
    assert run.reason is not None
    assert (run.state, run.reason.code) == (RunState.REJECTED, "unknown_flow")


def test_the_hours_limit_says_so_once(world: Reception) -> None:
    """Proves: F14, T12, I18."""
    world.admitted = replace(world.admitted, actor_per_hour=3)
    rows = [world.hears("issue_comment", commenting("/slipway fix")) for _ in range(6)]
    assert [row["state"] for row in rows] == ["done"] * 6
    assert len(world.all_runs()) == 3
    assert world.board.said(7) == [
        "`ann` asked 3 times within this hour, and that is the most this server takes. Ask again in the next hour."
    ]
    assert world.hears("issue_comment", commenting("/slipway stop"))["reason"] == "stopped"
    world.clock.sleep(3600)
    world.hears("issue_comment", commenting("/slipway fix"))
    assert len(world.all_runs()) == 4


def test_who_may_not_is_told_by_the_store_what_is_wrong(world: Reception) -> None:
    for line in ("/slipway stop", "/slipway approve", "/slipway retry", "/slipway status"):
        world.hears("issue_comment", commenting(line))
    assert [text.partition(".")[0] for text in world.board.said(7)] == [
        "There is no run on this item to stop", "There is no run on this item that waits for approval",
        "There is no run on this item to try again", "There is no run on this item yet",
    ]  # fmt: skip
    world.hears("issue_comment", commenting("/slipway fix"))
    world.hears("issue_comment", commenting("/slipway approve"))
    assert "nothing waits for approval" in world.board.said(7)[-1]


def test_reports(world: Reception) -> None:
    """Proves: 001-36, 001-55, 003-09."""
    world.hears("issue_comment", commenting("/slipway fix"))
    (run,) = world.all_runs()
    for line in ("/slipway status", "/slipway logs", "/slipway config", "/slipway help"):
        world.hears("issue_comment", commenting(line))
    status, logs, configuration, listing = world.board.said(7)
    assert status.startswith("**Slipway has queued this: it is next.**")
    assert f"https://slipway.example/runs/{run.id}" in status
    assert logs.startswith(f"No agent of run `{run.short}` has ended yet")
    assert configuration.startswith("The configuration used here (the defaults, for there is no `.github/slipway.yml`")
    assert "iterations: 5" in configuration
    assert listing.startswith("**What Slipway understands**")
    assert not [line for text in world.board.said(7) for line in text.split("\n") if line.startswith("/slipway")]


def test_a_pause_holds_claims_back_and_not_requests(world: Reception) -> None:
    """Proves: 001-18, 003-09."""
    world.hears("issue_comment", commenting("/slipway pause", by="mia"))
    assert world.runs.paused("7:42")
    assert world.runs.paused("7:421") is None
    world.hears("issue_comment", commenting("/slipway fix"))
    assert [run.state for run in world.all_runs()] == [RunState.QUEUED]
    world.hears("issue_comment", commenting("/slipway resume", by="mia"))
    assert world.runs.paused("7:42") is None
    assert world.hears("issue_comment", commenting("/slipway pause"))["reason"] == "answered"
    assert world.runs.paused("7:42") is None


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("issues", payload("unlabeled", issue=issue(), label={"name": "slipway:running"})),
        ("issues", payload("closed", issue=issue())),
        ("issues", payload("deleted", issue=issue())),
        ("issues", payload("transferred", issue=issue())),
        ("issue_comment", commenting("/slipway stop", comment=10**9)),
    ],
)
def test_every_way_to_stop(world: Reception, event: str, said: dict[str, Any]) -> None:
    """Proves: F79, F80, 001-36."""
    world.hears("issue_comment", commenting("/slipway fix"))
    world.hears(event, said)
    (run,) = world.all_runs()
    assert run.reason is not None
    assert (run.state, run.reason.code) == (RunState.CANCELLED, "stopped")
    assert world.hears(event, {**said, "comment": {"id": 5, "body": "/slipway stop"}})["state"] == "ignored"
    assert world.board.comments == []


def test_a_newer_request_replaces_the_older_where_the_repository_wants_that(world: Reception) -> None:
    world.forge.text = "replace: true\n"
    world.hears("issue_comment", commenting("/slipway fix"))
    world.clock.sleep(1)
    world.hears("issue_comment", commenting("/slipway plan"))
    older, newer = world.all_runs()
    assert (older.state, newer.state) == (RunState.CANCELLED, RunState.QUEUED)
    assert older.reason is not None
    assert older.reason.text == "A newer request by ann replaces it."


def test_without_that_the_newer_one_waits_in_line(world: Reception) -> None:
    """Proves: 003-09."""
    for _ in range(2):
        world.hears("issue_comment", commenting("/slipway fix"))
    assert sorted(world.runs.position(run) for run in world.all_runs()) == [1, 2]


def test_buttons_act_on_the_run_they_belong_to_and_on_no_other_tenants(world: Reception) -> None:
    """Proves: F86, I21, T29, 002-02."""
    world.hears("issue_comment", commenting("/slipway fix", pull=True))
    (run,) = world.all_runs()
    foreign = {**button(run.id, "stop"), "repository": {"id": 421, "full_name": "acme/other"}}
    assert world.hears("check_run", foreign)["run_id"] is None
    assert world.hears("check_run", button(run.id[:-1], "stop"))["state"] == "ignored"
    assert world.hears("check_run", button(run.id, "stop", app=5))["reason"] == "the check belongs to another App"
    assert world.all_runs()[0].state is RunState.QUEUED
    assert world.hears("check_run", button(run.id, "stop"))["run_id"] == run.id
    assert world.all_runs()[0].state is RunState.CANCELLED


def test_retry_and_fix_from_the_check_are_new_runs_that_say_what_they_come_from(world: Reception) -> None:
    """Proves: 001-25, F86."""
    world.hears("issue_comment", commenting("/slipway plan", pull=True))
    (first,) = world.all_runs()
    world.runs.stop(first.id, "ann", "enough")
    world.clock.sleep(1)
    for delivery in ("r-1", "r-1-again"):
        world.hears("check_run", button(f"{first.id}:1"), delivery)
    world.clock.sleep(1)
    world.hears("check_run", button(first.id, "fix"), "f-1")
    _, retried, again, fixing = world.all_runs()
    assert {retried.request.intent_key, again.request.intent_key} == {"check:42:r-1", "check:42:r-1-again"}
    assert (retried.request.retry_of, retried.request.flow) == (first.id, "plan")
    assert (fixing.request.retry_of, fixing.request.flow, fixing.request.head_sha) == (first.id, "fix", HEAD)
    assert fixing.request.source.number == 8


def test_rerunning_all_checks_finds_the_run_by_its_commit(world: Reception) -> None:
    world.hears("issue_comment", commenting("/slipway fix", pull=True))
    (first,) = world.all_runs()
    world.runs.stop(first.id, "ann", "enough")
    suite = {"head_sha": HEAD, "app": {"id": 4711}, "pull_requests": []}
    assert world.hears("check_suite", payload("rerequested", check_suite=suite))["reason"] == "retried"
    assert world.hears("check_suite", payload("rerequested", check_suite={**suite, "head_sha": "0" * 40}))["run_id"] is None
    assert len(world.all_runs()) == 2


def test_ci_that_nobody_waits_for(world: Reception) -> None:
    row = world.hears("status", payload(sha="b" * 40))
    assert (row["state"], row["reason"], world.ci.looked) == ("ignored", "nobody waits for this commit", [])


def test_an_installation_that_is_suspended_parks_its_runs_and_lets_them_go_on(world: Reception) -> None:
    """Proves: F85."""
    world.hears("issue_comment", commenting("/slipway fix"))
    (run,) = world.all_runs()
    other = world.hears("installation", payload("suspend") | {"installation": {"id": 77}})
    assert (other["state"], world.all_runs()[0].state) == ("ignored", RunState.QUEUED)
    world.hears("installation", payload("suspend"))
    assert world.runs.get(run.id).state is RunState.PARKED
    world.hears("installation", payload("unsuspend"))
    assert world.runs.get(run.id).state is RunState.QUEUED
    world.runs.happened(run.id, Parked(Reason("disk_full", "no space"), 0.0))
    world.hears("installation", payload("unsuspend"))
    assert world.runs.get(run.id).state is RunState.PARKED


def test_an_installation_that_is_gone_ends_its_runs(world: Reception) -> None:
    """Proves: F85."""
    for said in (payload("removed", repositories_removed=[{"id": 42, "full_name": "acme/greeter"}]), payload("deleted")):
        world.clock.sleep(1)
        world.hears("issue_comment", commenting("/slipway fix"))
        event = "installation_repositories" if said["action"] == "removed" else "installation"
        world.hears("installation_repositories", payload("removed", repositories_removed=[{"id": 4, "full_name": "acme/x"}]))
        assert world.all_runs()[-1].state is RunState.QUEUED
        world.hears(event, said)
        assert {run.state for run in world.all_runs()} == {RunState.CANCELLED}


def test_a_delivery_that_is_malformed_is_dead_with_its_reason_and_an_alarm(world: Reception) -> None:
    """Proves: F16, I09."""
    with structlog.testing.capture_logs() as lines:
        row = world.hears("issues", {"action": "labeled"})
    assert (row["state"], row["run_id"]) == ("dead", None)
    assert "`repository`" in row["reason"]
    assert [(line["log_level"], line["verdict"]) for line in lines] == [("error", "dead")]


HANDLED = [one for one in examples() if (one.event, one.action) in ROUTES]


@pytest.mark.parametrize("one", HANDLED, ids=lambda one: f"{one.event}-{one.action}-{one.number}")
def test_no_published_example_with_a_part_missing_escapes(world: Reception, one: Example) -> None:
    """Proves: F16, I01, I09."""
    number = (one.payload.get("issue") or one.payload.get("pull_request") or {}).get("number", 7)
    world.forge.items[number] = world.forge.items[7]
    changed = [one.payload, *({key: value for key, value in one.payload.items() if key != gone} for gone in one.payload),
               *({**one.payload, gone: None} for gone in one.payload)]  # fmt: skip
    for said in changed:
        row = world.hears(one.event, said)
        assert row["state"] in ("done", "ignored", "dead")
        assert row["reason"]


def test_github_away_is_tried_again_later_and_not_for_ever(world: Reception) -> None:
    """Proves: F76, I01, I09."""
    world.forge.put_label(7, "slipway")
    world.forge.away = Fault("github_unavailable", "GitHub does not answer. It is tried again.")
    row = world.arrives("issues", labeling())
    world.intake.handle(row)
    assert (world.row(row)["state"], world.row(row)["next_at"]) == ("pending", world.clock.now() + 10)
    world.intake.handle(row)
    assert world.row(row)["tries"] == 1
    world.forge.away = None
    world.clock.sleep(11)
    world.intake.handle(row)
    assert (world.row(row)["state"], len(world.all_runs())) == ("done", 1)

    world.forge.away = Fault("github_rate_limited", "Too much.", retry_after=500)
    row = world.arrives("issue_comment", commenting("/slipway run"))
    for _ in range(12):
        world.intake.handle(row)
        world.clock.sleep(501)
    assert world.row(row)["state"] == "dead"
    assert "Too much." in world.row(row)["reason"]


def test_a_refusal_of_githubs_is_final(world: Reception) -> None:
    world.forge.away = Refused("repository_gone", "The repository is gone.")
    row = world.hears("issue_comment", commenting("/slipway run"))
    assert (row["state"], row["reason"]) == ("dead", "The repository is gone.")


def test_a_bug_rises_and_leaves_its_row_dead_for_a_replay(world: Reception) -> None:
    """Proves: I01, I09, 000-03."""
    world.forge.put_label(7, "slipway")
    del world.forge.items[7]
    row = world.arrives("issues", labeling())
    with pytest.raises(KeyError):
        world.intake.handle(row)
    assert world.row(row)["state"] == "dead"
    assert "replay" in world.row(row)["reason"]


def test_a_locked_item_takes_nothing_back(world: Reception) -> None:
    """Proves: F87."""
    world.board.refuse = Refused("github_refused", "the conversation is locked")
    row = world.hears("issue_comment", commenting("/slipway fix"))
    assert (row["state"], row["reason"], len(world.all_runs())) == ("done", "started", 1)


ID = re.compile(r"\b[0-9a-f]{32}\b|`[0-9a-f]{8}`")
SCENES: dict[str, list[dict[str, Any]]] = {
    "a run is asked for": [commenting("/slipway fix the typo", comment=1)],
    "three commands": [commenting("/slipway fix\n/slipway nonsense\n/slipway status", comment=2)],
    "a message": [commenting("/slipway fix", comment=3), commenting("use tabs", comment=4)],
    "a refusal": [commenting("/slipway fix", by="eve", comment=5)],
    "a stop": [commenting("/slipway fix\n/slipway stop", comment=7)],
    "a pause": [commenting("/slipway pause", by="mia", comment=6)],
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_anywhere_changes_nothing_anybody_sees(tmp_path: Path, fresh: Path, scene: str, when: str) -> None:
    """Every call intake makes is a place to die, before or after it took effect. Proves: F04, I01, I03, 001-51."""

    def ends(at: int) -> tuple[Any, int]:
        breaks = Breaks(at=at, when=when)
        world = reception(shutil.copytree(fresh, tmp_path / str(at)), through=breaks.door)
        for said in SCENES[scene]:
            row = world.arrives("issue_comment", said)
            for _ in range(3):
                try:
                    world.intake.handle(row)
                except Crash:
                    world.clock.sleep(61)
            assert world.row(row)["state"] in ("done", "ignored")
        seen = (world.board.comments, world.board.reactions, [(run.request, run.state) for run in world.all_runs()])
        messages = [event["payload"] for run in world.all_runs() for event in world.reading.events(run.id)]
        world.engine.dispose()
        return (ID.sub("", json.dumps(seen[:2])), seen[2], [message.get("text") for message in messages]), len(breaks.calls)

    whole, calls = ends(-1)
    assert calls > 5
    for at in range(calls):
        assert ends(at)[0] == whole, at
