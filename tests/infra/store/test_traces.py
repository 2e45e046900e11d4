"""A run that ended is a trace at the collector: once, whole, and from webhook to agent."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import sqlalchemy as sa

from app.tracing import TellTraces
from infra.otlp import Collector
from infra.store.ended import SqlEnded
from infra.store.inbox import Delivery, SqlInbox
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from jobs.errors import Fault
from tests.infra.receivers import receiver, status
from tests.infra.store.asked import WHOLE, start, walk


def duty(engine: sa.Engine, url: str) -> TellTraces:
    return TellTraces(SqlEnded(engine, "traced until", lag_s=-60.0), SqlReading(engine), Collector(url, "1.2.3"))


def finished(engine: sa.Engine, key: str = "label:42:1", number: int = 7) -> str:
    """A run that came by a webhook and succeeded."""
    inbox, ledger = SqlInbox(engine), SqlLedger(engine)
    run = start(engine, key, number=number)
    inbox.insert([Delivery("1", "issues", key, "labeled", None, "secret:0", b"{}")])
    row = inbox.claim(inbox.due()[0])
    assert row
    inbox.finish(row, "done", "started", run.id)
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    return run.id


def told(body: bytes) -> list[dict[str, Any]]:
    return list(json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"])


def test_a_run_is_one_trace_from_its_webhook_to_its_agent_and_gates(engine: sa.Engine) -> None:
    """Proves: 004-38. The trace has the run's id, and every span hangs on the run's."""
    with receiver(status(200)) as there:
        tell = duty(engine, f"http://{there.address}")
        assert tell() == "0 told"
        run_id = finished(engine)
        assert (tell(), tell()) == ("1 told", "0 told")
    [(path, headers, body)] = there.got
    assert (path, headers["content-type"]) == ("/v1/traces", "application/json")
    spans = told(body)
    whole = spans[0]
    assert {span["traceId"] for span in spans} == {run_id}
    assert whole["parentSpanId"] == ""
    by_name = {span["name"]: span for span in spans}
    assert list(by_name) == [
        "run implement", "webhook", "queued", "prepare", "build", "agent scripted", "snapshot", "verify", "gate tests", "next", "deliver",
    ]  # fmt: skip
    assert by_name["agent scripted"]["parentSpanId"] == by_name["build"]["spanId"]
    assert by_name["gate tests"]["parentSpanId"] == by_name["verify"]["spanId"]
    assert all(span["parentSpanId"] == whole["spanId"] for name, span in by_name.items() if name in {"webhook", "queued", "deliver"})
    assert {"key": "slipway.cost_usd", "value": {"doubleValue": 0.25}} in by_name["agent scripted"]["attributes"]
    assert {"key": "slipway.number", "value": {"intValue": "7"}} in whole["attributes"]
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans)
    assert len({span["spanId"] for span in spans}) == len(spans)


def test_what_did_not_arrive_is_told_again_as_the_same_spans(engine: sa.Engine) -> None:
    answers = iter([503, 200])

    def answering(handler: BaseHTTPRequestHandler) -> None:
        status(next(answers))(handler)

    with receiver(answering) as there:
        tell = duty(engine, f"http://{there.address}")
        tell()
        finished(engine)
        finished(engine, "k2", 8)
        with pytest.raises(Fault, match="answered 503"):
            tell()
        assert tell() == "2 told"
    (_, _, first), (_, _, second) = there.got
    assert first == second


def test_a_run_that_was_stopped_before_it_began_is_a_trace_too(engine: sa.Engine) -> None:
    with receiver(status(200)) as there:
        tell = duty(engine, f"http://{there.address}")
        tell()
        run = start(engine)
        SqlRuns(engine).stop(run.id, "anna", "Not now.")
        tell()
    assert [span["name"] for span in told(there.got[0][2])] == ["run implement", "queued"]


def test_a_collector_that_is_not_there_is_a_fault(engine: sa.Engine) -> None:
    tell = duty(engine, "http://127.0.0.1:1")
    tell()
    finished(engine)
    with pytest.raises(Fault, match="does not answer"):
        tell()
