"""Who is told what, when."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from delivery.callbacks import BODY, MOST_BYTES, TYPES, Callbacks, messages, type_of
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import AgentResult, Ended, GateReport
from jobs.model import FINAL, RunState
from jobs.rules import CallbackRule, CallbackType
from tests.delivery import runs

HOOK = "https://hooks.example/a"
RESULT = AgentResult("scripted", Ended.EXIT, 0)


def told(event: e.Event, **changes: Any) -> list[Any]:
    of = replace(runs.request(), callback_url=HOOK)
    return list(messages(runs.run(of=of, **changes), event, 1_000_000.25))


@pytest.mark.parametrize(
    ("event", "state", "kind"),
    [
        (e.Queued(), RunState.QUEUED, "run.queued"),
        (e.Claimed("w", 1), RunState.RUNNING, "run.started"),
        (e.Claimed("w", 2), RunState.RUNNING, None),
        (e.Snapshotted(runs.SNAPSHOT), RunState.RUNNING, "run.progress"),
        (e.Passed(GateReport(runs.TREE)), RunState.RUNNING, "run.progress"),
        (e.Rejected(GateReport(runs.TREE)), RunState.RUNNING, "run.progress"),
        (e.Planned(RESULT, "plan"), RunState.RUNNING, "run.progress"),
        (e.ApprovalAsked(2.0), RunState.AWAITING_APPROVAL, "run.awaiting_approval"),
        (e.ChecksAwaited(runs.RECEIPT), RunState.AWAITING_CI, "run.progress"),
        (e.Parked(Reason("github_unavailable", "x"), 2.0), RunState.PARKED, "run.parked"),
        (e.Delivered(runs.RECEIPT), RunState.SUCCEEDED, "run.succeeded"),
        (e.GaveUp(Reason("gates_failed", "x")), RunState.FAILED, "run.failed"),
        (e.DeliveryRefused(Reason("push_refused", "x")), RunState.FAILED, "run.failed"),
        (e.Cancelled(Reason("stopped", "x")), RunState.CANCELLED, "run.cancelled"),
        (e.RejectedAtStart(Reason("config_invalid", "x")), RunState.REJECTED, "run.rejected"),
        (e.Launched("code", 1, "scripted"), RunState.RUNNING, None),
        (e.MessageReceived("ada", "hi"), RunState.RUNNING, None),
    ],
)
def test_events_are_told_by_these_types(event: e.Event, state: RunState, kind: str | None) -> None:
    """Proves: 002-21."""
    assert [message.type for message in told(event, state=state)] == ([kind] if kind else [])


def test_a_receiver_can_ask_for_exactly_what_is_told() -> None:
    """Proves: 002-21."""
    told = {*TYPES.values(), "run.started", *(f"run.{state.value}" for state in FINAL)}
    assert set(get_args(CallbackType)) == told


@pytest.mark.parametrize(
    "wrong",
    [{"url": "hooks.example/a"}, {"url": "ftp://hooks.example"}, {"url": "https://a b"}, {"url": HOOK, "events": ["run.suceeded"]}],
)
def test_a_receiver_nobody_could_mean_is_a_mistake_in_the_file(wrong: dict[str, Any]) -> None:
    """Proves: F101."""
    with pytest.raises(ValidationError):
        CallbackRule.model_validate(wrong)


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("event", e.EVENTS)
def test_every_end_is_told_whatever_led_to_it(state: RunState, event: type[e.Event]) -> None:
    """Proves: I10, 002-21."""
    assert type_of(runs.run(state=state), object.__new__(event)) == f"run.{state.value}"


def test_the_body_carries_every_id_and_link() -> None:
    """Proves: 001-06, I23."""
    of = replace(runs.request(), callback_url=HOOK, source=replace(runs.ISSUE, url="https://forge.example/acme/greeter/issues/7"))
    run = runs.run(of=of, state=RunState.SUCCEEDED, receipt=runs.RECEIPT, reason=Reason("succeeded", "Delivered."))
    message = Callbacks(public_url="https://slipway.example/")(run, e.Delivered(runs.RECEIPT), 1_000_000.25)[0]
    assert json.loads(message.body) == {
        "type": "run.succeeded",
        "timestamp": "1970-01-12T13:46:40.250Z",
        "data": {
            "event": "Delivered",
            "sequence": 9,
            "run": {
                "id": run.id,
                "state": "succeeded",
                "flow": "implement",
                "title": "Greet people in French",
                "step": "code",
                "attempt": 1,
                "iteration": 2,
                "reason": {"code": "succeeded", "text": "Delivered."},
                "repository": {"id": 42, "full_name": "acme/greeter", "installation": 7},
                "source": {"trigger": "label", "item": "issue", "number": 7, "actor": "ada", "delivery": "d-1"},
                "delivery": {
                    "kind": "github",
                    "branch": runs.RECEIPT.branch,
                    "sha": runs.SHA,
                    "base_sha": runs.BASE,
                    "number": 12,
                    "url": runs.RECEIPT.url,
                    "warnings": [],
                },
                "cost_usd": None,
                "tokens": 12345,
                "retry_of": None,
            },
            "deliveries": ["d-1"],
            "links": {
                "run": f"https://slipway.example/runs/{run.id}",
                "api": f"https://slipway.example/api/v1/runs/{run.id}",
                "item": "https://forge.example/acme/greeter/issues/7",
                "pull": runs.RECEIPT.url,
            },
        },
    }


def test_the_same_event_has_the_same_id_and_bytes_and_another_one_has_another() -> None:
    """Proves: F99, I10."""
    first, again = told(e.Queued(), version=3)[0], told(e.Queued(), version=3)[0]
    assert first == again
    assert first.id.startswith("msg_")
    assert first.id != told(e.Queued(), version=4)[0].id


def test_repository_request_and_server_each_name_receivers_and_each_is_told_once() -> None:
    """Proves: F101."""
    by = runs.rules(callbacks=[{"url": "https://b.example", "events": ["run.succeeded"]}, {"url": HOOK}])
    run = runs.run(of=replace(runs.request(), callback_url=HOOK), by=by, state=RunState.SUCCEEDED)
    everyone = Callbacks((CallbackRule(url="https://c.example"), CallbackRule(url="https://d.example", events=("run.failed",))))
    assert [m.url for m in everyone(run, e.Delivered(runs.RECEIPT), 0.0)] == [HOOK, "https://b.example", "https://c.example"]
    assert [m.url for m in everyone(replace(run, state=RunState.RUNNING), e.Passed(GateReport("t")), 0.0)] == [HOOK, "https://c.example"]


def test_nobody_to_tell_is_no_message() -> None:
    assert list(messages(runs.run(), e.Queued(), 0.0)) == []


def test_a_body_stays_small_whatever_others_wrote() -> None:
    """Proves: I20."""
    long = "é\u202e\n" * 50_000
    receipt = replace(runs.RECEIPT, warnings=(long,) * 500)
    of = replace(runs.request(), callback_url=HOOK, source=replace(runs.ISSUE, url="https://x/" + long), flow=long)
    run = runs.run(of=of, state=RunState.FAILED, reason=Reason("agent_failed", long), title=long, receipt=receipt)
    body = next(iter(messages(run, e.GaveUp(Reason("agent_failed", long)), 0.0))).body
    assert len(body) < MOST_BYTES
    assert "\u202e" not in body.decode()


def test_the_schema_names_what_a_receiver_reads() -> None:
    schema = BODY.json_schema()
    assert schema["required"] == ["type", "timestamp", "data"]
    assert {"Told", "Data"} <= schema["$defs"].keys()
