"""What people are shown is what is stored: whole pages, listings in pieces, and figures."""

import pytest
import sqlalchemy as sa

from infra.store.keeping import SqlWorkers
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from jobs import events as e
from jobs.errors import Reason, UserError
from jobs.evidence import Finding
from jobs.rules import misfit
from tests.infra.store.asked import LAUNCHED, RECEIPT, REPORT, RESULT, SNAPSHOT, WHOLE, start, walk

CONTRACT = {
    "id", "state", "reason", "flow", "repository", "source", "created_at", "started_at", "ended_at", "steps", "delivery", "check_run",
    "callbacks", "cost", "links",
}  # fmt: skip


def test_a_page_tells_the_whole_story_of_a_run(engine: sa.Engine) -> None:
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    page = SqlReading(engine).run(run.id)
    assert page.keys() >= CONTRACT
    assert (page["state"], page["reason"]["code"], page["source"]["delivery"]) == ("succeeded", "succeeded", "delivery-label:42:1")
    assert page["delivery"]["url"] == RECEIPT.url
    assert page["cost"] == {"usd": 0.25, "tokens": 0}
    [step] = page["steps"]
    assert (step["name"], step["role"], step["agent"], step["state"]) == ("code", "implementer", "scripted", "done")
    [attempt] = step["attempts"]
    assert (attempt["n"], attempt["worker"], attempt["outcome"]) == (1, "w", "succeeded")
    [turn] = attempt["iterations"]
    assert (turn["n"], turn["decision"], turn["sha"], turn["cost_usd"]) == (1, "passed", SNAPSHOT.commit, 0.25)
    assert (turn["result"]["summary"], turn["report"]["tree"]) == (RESULT.summary, REPORT.tree)
    assert turn["brief"]["title"] == "Greet in French"


def test_each_launch_is_an_iteration_and_each_lease_an_attempt(engine: sa.Engine) -> None:
    """Proves: I06, 000-21, 003-01."""
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.BuildFailed(RESULT, (Finding("agent_failed", "exit 1"),)), e.Retried(2))
    SqlRuns(engine).say(run.id, "anna", "In Breton, please.")
    ledger.release(walk(ledger, run, LAUNCHED[0], e.Launched("code", 2, "scripted")))
    run = walk(ledger, ledger.claim("agents", "w2"), e.Prepared("b" * 40), e.GaveUp(Reason("internal_error", "It broke.")))
    [step] = SqlReading(engine).run(run.id)["steps"]
    turns = [(a["n"], a["outcome"], [(i["n"], i["decision"]) for i in a["iterations"]]) for a in step["attempts"]]
    assert turns == [(1, "released", [(1, "build_failed"), (2, "released")]), (2, "failed", [])]
    assert step["attempts"][0]["iterations"][1]["brief"]["messages"] == ["In Breton, please."]
    assert step["attempts"][1]["launched_at"] is None


def test_a_start_that_failed_is_no_launch_and_no_attempt(engine: sa.Engine) -> None:
    """Proves: I06."""
    ledger = SqlLedger(engine)
    start(engine)
    sandbox = Reason("sandbox_unavailable", "No namespaces.")
    run = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.SpawnFailed(sandbox, 0.0))
    [attempt] = SqlReading(engine).run(run.id)["steps"][0]["attempts"]
    assert (attempt["launched_at"], attempt["iterations"]) == (None, [])
    walk(ledger, run, e.Launched("code", 1, "scripted"))
    [attempt] = SqlReading(engine).run(run.id)["steps"][0]["attempts"]
    assert (attempt["launched_at"] is not None, len(attempt["iterations"])) == (True, 1)


def test_a_listing_comes_in_pieces_that_leave_nothing_out(engine: sa.Engine) -> None:
    made = [start(engine, f"k{n}", number=n).id for n in range(7)]
    reading, seen, cursor = SqlReading(engine), [], None
    while True:
        page, cursor = reading.runs(limit=3, cursor=cursor)
        seen += [run["id"] for run in page]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_a_listing_is_of_one_state_repository_or_scope_compared_whole(engine: sa.Engine) -> None:
    """Proves: I21."""
    reading, run = SqlReading(engine), start(engine)
    wanted = [{"state": "queued"}, {"repository": "acme/greeter"}, {"scope": "7:42"}]
    assert [[found["id"] for found in reading.runs(**by)[0]] for by in wanted] == [[run.id]] * 3
    assert [reading.runs(**by)[0] for by in ({"state": "failed"}, {"repository": "acme/greet"}, {"scope": "7:4"})] == [[]] * 3


@pytest.mark.parametrize("cursor", ["x", "====", "bm90IG91cnM=", "é"])
def test_a_cursor_that_is_none_of_ours_is_refused(engine: sa.Engine, cursor: str) -> None:
    with pytest.raises(UserError, match="cursor"):
        SqlReading(engine).runs(cursor=cursor)


def test_events_are_read_on_from_where_a_reader_stopped(engine: sa.Engine) -> None:
    ledger, reading = SqlLedger(engine), SqlReading(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    first = reading.events(run.id, limit=3)
    rest = reading.events(run.id, after=first[-1]["seq"])
    assert [event["type"] for event in first + rest] == [
        "Queued", "Claimed", "Prepared", "Launched", "Built", "Snapshotted", "Passed", "FlowFinished", "Delivered",
    ]  # fmt: skip
    assert reading.events(run.id, after=rest[-1]["seq"]) == []
    for unknown in (run.id[:8], "x"):
        with pytest.raises(KeyError):
            reading.events(unknown)
        with pytest.raises(KeyError):
            reading.run(unknown)


def test_the_metrics_pack_counts_what_happened(engine: sa.Engine) -> None:
    """Proves: 001-58, 001-50."""
    ledger = SqlLedger(engine)
    start(engine)
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    start(engine, "k2", number=8)
    ledger.release(ledger.claim("agents", "w"))
    ledger.claim("agents", "w")
    pack = SqlReading(engine).stats(3600)
    shown = ("running", "in_progress", "orphans", "ended", "unknown_share", "claims", "peak_claims_a_minute", "churn", "test_pressure")
    assert [pack[key] for key in shown[:6]] == [1, 1, 0, 1, 0.0, 3]
    assert (pack["most_claims_of_a_run"], pack["churn"], pack["test_pressure"], pack["events_without_delivery"]) == (2, 1.5, 0.0, 0.0)
    assert pack["reasons"] == {"succeeded": 1}
    assert SqlReading(engine).stats(1e-9)["claims"] == 0


def test_an_empty_store_has_figures_too(engine: sa.Engine) -> None:
    reading = SqlReading(engine)
    assert (reading.stats()["unknown_share"], reading.health()["oldest_inbox_s"], reading.queue()["next"]) == (None, 0.0, [])
    assert reading.counts()["slipway_runs"] == {}


def test_health_and_counts_show_what_waits(engine: sa.Engine) -> None:
    workers = SqlWorkers(engine)
    for name in ("a", "b"):
        workers.started(name, role="worker", host="h", pid=1, version="0.1.0", config_hash="c")
    workers.ended("b")
    run = start(engine)
    SqlRuns(engine).pause("*", "anna", "Upgrade.")
    reading = SqlReading(engine)
    health = reading.health()
    assert ([w["id"] for w in health["workers"]], health["unannounced"], health["paused"]) == (["a"], 1, {"*": "Upgrade."})
    counts = reading.counts()
    assert (counts["slipway_runs"], counts["slipway_processes"]) == ({("queued",): 1.0}, {("worker",): 1.0})
    assert reading.queue()["queued"] == 1
    assert reading.run(run.id)["position"] == 1


def test_the_ends_of_a_window_are_counted_for_those_who_may_see_them(engine: sa.Engine) -> None:
    """Proves: I21."""
    ledger = SqlLedger(engine)
    start(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    reading, scope = SqlReading(engine), run.repository.scope
    for within, count in ((None, 1), ({scope}, 1), ({scope, "9:9"}, 1), ({scope[:-1]}, 0), (set(), 0)):
        found = reading.ended(60.0, within)
        assert (found["states"]["succeeded"], found["cost_usd"]) == (count, 0.25 * count)
    assert reading.ended(-60.0)["states"]["succeeded"] == 0


def test_listings_keep_to_the_scopes_that_may_be_seen(engine: sa.Engine) -> None:
    """Proves: I21."""
    run, reading = start(engine), SqlReading(engine)
    for within, count in ((None, 1), ({run.repository.scope}, 1), ({f"{run.repository.scope}0"}, 0), (set(), 0)):
        assert len(reading.runs(within=within)[0]) == count
        assert reading.queue(within=within)["queued"] == count
    assert reading.names([run.repository.scope, "9:9"]) == {run.repository.scope: run.repository.full_name}


def test_a_run_whose_program_is_gone_from_the_configuration_is_shown_and_says_so_when_it_is_tried(engine: sa.Engine) -> None:
    """A retry under newer rules may ask for a program that they do not name any more. Proves: 000-36."""
    run = start(engine, agent="command")
    page = SqlReading(engine).run(run.id)
    assert [step["agent"] for step in page["steps"]] == ["command"] * len(page["steps"])
    told = misfit(run.rules.agent_of(run.current, run.request.agent), run.current)
    assert told
    assert "an agent named 'command' needs 'run'" in told
    assert SqlRuns(engine).stop(run.id, "anna", "Enough.").state == "cancelled"
