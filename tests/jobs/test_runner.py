"""The loop, told as stories over ports that remember."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import pytest

from jobs import events as e
from jobs.convergence import PARKS
from jobs.errors import REASONS, Class, Interrupted, LeaseLost, Refused
from jobs.evidence import AgentResult, Ended, Failure
from jobs.model import FINAL, Lease, RunState
from jobs.runner import walk
from tests.fakes.engine import (
    DONE,
    Engine,
    FakeAgents,
    FakeDelivery,
    FakeGates,
    FakeWorkspaces,
    changed,
    failed,
    fault,
    passed,
    request,
    rules,
)

STRAIGHT = ["Claimed", "Prepared", "Launched", "Built", "Snapshotted", "Passed", "FlowFinished", "Delivered"]


def test_a_change_that_passes_is_delivered() -> None:
    """Proves: 004-10, 004-43."""
    engine = Engine()
    run = engine.to_the_end(walk)
    assert engine.ledger.names == STRAIGHT
    assert (run.state, run.receipt and run.receipt.number) == (RunState.SUCCEEDED, 12)
    assert run.reason and run.reason.code == "succeeded"


def test_a_rejected_snapshot_goes_back_to_the_agent_with_its_finding() -> None:
    """Proves: 000-19, 004-29, 004-33."""
    engine = Engine(gates=FakeGates(failed("2 tests fail"), passed()))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert [brief.findings for brief in (launch.brief for launch in engine.agents.launches)][1][0]["message"] == "2 tests fail"
    assert engine.agents.launches[1].brief.iteration == 2


def test_a_provider_that_is_busy_is_waited_out_and_costs_no_iteration() -> None:
    """Proves: F68."""
    busy = AgentResult("scripted", Ended.EXIT, 1, failure=Failure("provider_overloaded", "Later."))
    engine = Engine(agents=FakeAgents(busy, busy, DONE), by=rules(limits={"iterations": 1}))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert [launch.run.iteration for launch in engine.agents.launches] == [1, 1, 1]
    assert engine.ledger.names.count("Parked") == 2


def test_an_agent_that_was_killed_from_outside_begins_its_turn_anew_and_not_for_ever() -> None:
    """Proves: I06, 003-14, 003-23."""
    killed = AgentResult("scripted", Ended.KILLED, None, failure=Failure("killed_outside", "The machine ran out of memory."))
    engine = Engine(agents=FakeAgents(killed, killed, DONE), by=rules(limits={"iterations": 1}))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert [launch.run.iteration for launch in engine.agents.launches] == [1, 1, 1]
    engine = Engine(agents=FakeAgents(*[killed] * 9), by=rules(limits={"iterations": 1}))
    run = engine.to_the_end(walk)
    assert (run.state, run.reason and run.reason.code) == (RunState.FAILED, "killed_outside")
    assert len(engine.agents.launches) == 1 + PARKS[Class.INFRASTRUCTURE]


def test_a_budget_that_is_used_up_is_the_end_at_once() -> None:
    """Proves: F48."""
    spent = AgentResult("scripted", Ended.EXIT, 1, failure=Failure("budget_exhausted", "The budget of the run is used up."))
    engine = Engine(agents=FakeAgents(spent, DONE))
    run = engine.to_the_end(walk)
    assert (run.state, run.reason and run.reason.code) == (RunState.FAILED, "budget_exhausted")
    assert len(engine.agents.launches) == 1


def test_gates_that_never_pass_end_the_run_after_its_iterations() -> None:
    """Proves: 004-03, 004-28, 004-44."""
    engine = Engine(gates=FakeGates(failed("a"), failed("b"), failed("c"), failed("d")), by=rules(limits={"iterations": 3}))
    run = engine.to_the_end(walk)
    assert run.state is RunState.FAILED
    assert run.reason and run.reason.code == "gates_failed"
    assert len(engine.agents.launches) == 3


def test_the_same_tree_with_the_same_findings_twice_is_no_progress() -> None:
    """Proves: 004-33."""
    engine = Engine(gates=FakeGates(failed("a")), workspaces=FakeWorkspaces(changed("t1")))
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == "no_progress"
    assert len(engine.agents.launches) == 2


def test_an_agent_that_changes_nothing_is_told_so_once_and_then_the_run_ends() -> None:
    """Proves: F54."""
    engine = Engine(workspaces=FakeWorkspaces(None))
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == "no_change"
    assert engine.agents.launches[1].brief.findings[0]["gate"] == "no_change"


def test_what_the_agent_says_of_its_own_tests_decides_nothing() -> None:
    """It may run any; only the service's own run of the gates counts, for better and for worse. Proves: 000-32."""
    sure = AgentResult("scripted", Ended.EXIT, 0, tool_calls=("Bash(pytest)",), summary="I ran all tests: every one passes.")
    unsure = AgentResult("scripted", Ended.EXIT, 0, tool_calls=("Bash(pytest)",), summary="Two tests fail, and I do not know why.")
    boastful = Engine(agents=FakeAgents(sure), gates=FakeGates(failed()), by=rules(limits={"iterations": 1})).to_the_end(walk)
    modest = Engine(agents=FakeAgents(unsure), gates=FakeGates(passed())).to_the_end(walk)
    assert (boastful.state, boastful.reason and boastful.reason.code) == (RunState.FAILED, "gates_failed")
    assert modest.state is RunState.SUCCEEDED


def test_an_agent_that_fails_is_not_believed_and_its_result_is_kept() -> None:
    """Proves: 003-02, 003-22, F54."""
    broken = AgentResult("scripted", Ended.EXIT, 3, failure=Failure("agent_failed", "It exited with 3."))
    engine = Engine(agents=FakeAgents(broken))
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == "agent_failed"
    assert run.last_result == broken


def test_what_may_not_be_a_commit_goes_back_as_a_finding() -> None:
    """Proves: 004-29."""
    engine = Engine(workspaces=FakeWorkspaces(Refused("link_escapes", "a/b points out of the checkout."), changed("t2")))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert engine.agents.launches[1].brief.findings[0]["gate"] == "link_escapes"


def test_a_passing_fault_is_tried_again_in_place_and_counted_apart_from_attempts() -> None:
    """Proves: 001-26, 003-07, 003-15."""
    workspaces = FakeWorkspaces()
    workspaces.bases.entries.extendleft(reversed([fault("fetch_failed"), fault("fetch_failed")]))
    engine = Engine(workspaces=workspaces)
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert (run.attempt, run.infra_failures) == (1, 2)
    assert len(engine.clock.slept) == 2


def test_a_fault_that_does_not_pass_parks_the_run_and_in_the_end_gives_up_with_its_reason() -> None:
    """Proves: 001-28, 004-08."""
    workspaces = FakeWorkspaces()
    workspaces.bases.entries.clear()
    workspaces.bases.entries.append(fault("fetch_failed"))
    engine = Engine(workspaces=workspaces)
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == "fetch_failed"
    assert "Parked" in engine.ledger.names


def test_an_agent_that_cannot_be_started_is_not_an_attempt() -> None:
    """Proves: 001-26."""
    engine = Engine(agents=FakeAgents(fault("sandbox_unavailable"), DONE))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert engine.ledger.names.count("SpawnFailed") == 1


def test_a_stop_request_ends_the_run_before_its_next_phase() -> None:
    """Proves: 004-34, 004-46."""
    engine = Engine()
    run = engine.ledger.claim()
    engine.ledger.run = replace(engine.ledger.run, stop_requested="ada said stop")
    run = walk(replace(run, stop_requested="ada said stop"), engine.ports)
    assert (run.state, run.reason and run.reason.text) == (RunState.CANCELLED, "ada said stop")
    assert engine.agents.launches == []
    assert engine.workspaces.disposed == 1


def test_an_agent_that_was_stopped_ends_the_run_as_cancelled() -> None:
    """Proves: 004-46."""
    engine = Engine(agents=FakeAgents(AgentResult("scripted", Ended.STOPPED, None)))
    assert engine.to_the_end(walk).state is RunState.CANCELLED


def test_the_wall_limit_ends_a_run_and_waiting_does_not_count() -> None:
    """Proves: 004-34, 004-46."""
    engine = Engine(by=rules(limits={"wall": 60}))
    run = engine.ledger.claim()
    engine.clock.at += 61
    assert walk(run, engine.ports).reason.code == "wall_timeout"  # type: ignore[union-attr]


@pytest.mark.parametrize(("at", "code"), [("base_of", "phase_timeout"), ("prepare", None)])
def test_a_phase_has_a_limit_of_its_own_that_counts_its_own_time(at: str, code: str | None) -> None:
    """Proves: 004-34."""
    engine = Engine(by=rules(limits={"prepare": 60}))
    slow = getattr(engine.workspaces, at)

    def long(*arguments: object) -> object:
        engine.clock.at += 61
        if code:
            raise Interrupted
        return slow(*arguments)

    setattr(engine.workspaces, at, long)
    run = engine.to_the_end(walk)
    assert (run.reason.code if run.state is RunState.FAILED and run.reason else None) == code


def _asked_to_stop(engine: Engine) -> None:
    engine.ledger.run = replace(engine.ledger.run, stop_requested="Enough.")


def _grew_late(engine: Engine) -> None:
    engine.clock.at += 1e6


def interrupted(engine: Engine, befall: Callable[[Engine], None]) -> Callable[..., NoReturn]:
    """Something that takes long, until something befalls the run and it is interrupted."""

    def long(*unused: object) -> NoReturn:
        befall(engine)
        raise Interrupted

    return long


@pytest.mark.parametrize(("port", "method"), [("workspaces", "prepare"), ("agents", "launch"), ("gates", "run"), ("delivery", "deliver")])
@pytest.mark.parametrize(("befall", "reason"), [(_asked_to_stop, "stopped"), (_grew_late, "wall_timeout")])
def test_a_phase_that_is_interrupted_ends_the_run_with_what_is_to_end_it(
    port: str, method: str, befall: Callable[[Engine], None], reason: str
) -> None:
    """Proves: 004-34, 004-46, F79."""
    engine = Engine()
    setattr(getattr(engine, port), method, interrupted(engine, befall))
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == reason
    assert engine.workspaces.disposed == 1


def test_a_phase_that_is_interrupted_for_nothing_is_done_again() -> None:
    engine = Engine()
    engine.agents.results.entries.appendleft(Interrupted())  # type: ignore[arg-type]  # raised, as an exception is
    assert engine.to_the_end(walk).state is RunState.SUCCEEDED


def test_the_wait_for_another_try_is_interrupted_too() -> None:
    """Proves: F79."""
    engine = Engine()
    engine.workspaces.bases.entries.appendleft(fault("fetch_failed"))
    engine.clock.sleep = interrupted(engine, _asked_to_stop)  # type: ignore[method-assign]
    run = engine.to_the_end(walk)
    assert (run.state, engine.ledger.names) == (RunState.CANCELLED, ["Claimed", "Stumbled", "Cancelled"])


@pytest.mark.parametrize("standing", [False, True])
def test_what_stands_outside_already_is_finished_whoever_asks_to_stop(*, standing: bool) -> None:
    """Proves: F79, I04."""
    engine = Engine()
    engine.delivery.standing = standing
    engine.delivery.receipts.entries.appendleft(fault("github_unavailable"))
    engine.clock.sleep = lambda seconds: _asked_to_stop(engine)  # type: ignore[method-assign]
    run = engine.to_the_end(walk)
    assert (run.state, run.stop_requested) == (RunState.SUCCEEDED if standing else RunState.CANCELLED, "Enough.")


def test_no_gate_gets_more_time_than_its_run_has_left() -> None:
    """Proves: 004-34."""
    gates = [{"name": "short", "run": ["true"], "timeout": 30}, {"name": "long", "run": ["true"], "timeout": 500}]
    engine = Engine(by=rules(limits={"wall": 100}, gates=gates))
    seen: list[float] = []
    engine.gates.run = lambda run, snapshot, gates: seen.extend(rule.timeout for rule in gates) or ()  # type: ignore[method-assign]
    engine.to_the_end(walk)
    assert seen == [30, 100]


def test_a_worker_that_lost_its_lease_stops_at_once() -> None:
    """Proves: I07."""
    engine = Engine()
    old = engine.ledger.claim()
    engine.ledger.run = replace(engine.ledger.run, lease=Lease(99, "another"))
    with pytest.raises(LeaseLost):
        walk(old, engine.ports)
    assert engine.ledger.names == ["Claimed"]


def test_plan_code_and_review_walk_in_order_and_the_plan_is_in_the_next_brief() -> None:
    """Proves: 000-05, 000-11, 002-19, 002-20."""
    flow = {"steps": [{"name": "plan", "role": "planner"}, {"name": "code", "depends_on": ["plan"]},
                      {"name": "review", "role": "reviewer", "depends_on": ["code"], "on_reject": "code"}]}  # fmt: skip
    plan = replace(DONE, body="First the test, then the code.")
    verdicts = [replace(DONE, decision="reject", body="No test."), DONE, replace(DONE, decision="approve")]
    engine = Engine(by=rules(flows={"implement": flow}), agents=FakeAgents(plan, DONE, *verdicts))
    run = engine.to_the_end(walk)
    assert run.state is RunState.SUCCEEDED
    assert [launch.step.name for launch in engine.agents.launches] == ["plan", "code", "review", "code", "review"]
    assert engine.agents.launches[1].brief.plan == plan.body
    assert engine.agents.launches[3].brief.findings[0]["message"] == "No test."


def test_a_reviewer_without_a_known_decision_is_a_typed_failure() -> None:
    """Proves: 000-06, F54."""
    flow = {"steps": [{"name": "review", "role": "reviewer"}]}
    engine = Engine(by=rules(flows={"implement": flow}), agents=FakeAgents(replace(DONE, decision="lgtm")))
    run = engine.to_the_end(walk)
    assert run.reason and run.reason.code == "unknown_decision"


def test_a_plan_waits_for_approval_where_the_repository_says_so() -> None:
    """Proves: 000-33."""
    flow = {"steps": [{"name": "plan", "role": "planner"}, {"name": "code", "depends_on": ["plan"]}]}
    engine = Engine(by=rules(flows={"implement": flow}, approval={"plan": True}), agents=FakeAgents(replace(DONE, body="A plan."), DONE))
    assert engine.to_the_end(walk).state is RunState.AWAITING_APPROVAL
    engine.ledger.commit(engine.ledger.run, e.Approved("ada", "and a test"))
    assert engine.to_the_end(walk).state is RunState.SUCCEEDED
    assert engine.agents.launches[1].brief.plan.endswith("and a test")


@pytest.mark.parametrize(("mode", "state"), [("required", RunState.FAILED), ("best_effort", RunState.SUCCEEDED)])
def test_a_refused_delivery_fails_the_run_unless_the_repository_said_otherwise(mode: str, state: RunState) -> None:
    """Proves: 003-08, 003-24."""
    engine = Engine(by=rules(delivery={"mode": mode}), delivery=FakeDelivery(Refused("push_refused", "The branch is protected.")))
    run = engine.to_the_end(walk)
    assert run.state is state
    assert "protected" in (run.reason.text if run.reason and state is RunState.FAILED else str(run.receipt))


@pytest.mark.parametrize("seed", range(150))
def test_whatever_fails_wherever_the_run_ends_with_a_reason_and_within_its_limits(seed: int) -> None:
    """Proves: 001-02, 001-10, 001-23, 001-27, 001-28, 001-52, 003-14, I06."""
    chance = random.Random(seed)
    engine = _unlucky(chance)
    run = engine.to_the_end(walk)
    assert run.state in FINAL
    assert run.reason and run.reason.code in REASONS and run.reason.text
    launched = engine.ledger.names.count("Launched") - engine.ledger.names.count("SpawnFailed")
    assert launched <= run.rules.limits.iterations + engine.ledger.names.count("Parked")
    assert engine.ledger.names.count("Claimed") + engine.ledger.names.count("ClaimedForDelivery") == run.attempt


def _unlucky(chance: random.Random) -> Engine:
    """Ports whose every answer may be a fault."""
    broken = AgentResult("scripted", Ended.EXIT, 1, failure=Failure("agent_failed", "no"))
    limited = AgentResult("scripted", Ended.EXIT, 1, failure=Failure("provider_rate_limited", "later"))
    agents = FakeAgents(*chance.choices([DONE, broken, limited, fault("sandbox_unavailable")], k=40), DONE)
    trees = [changed(f"t{n}") for n in range(6)]
    workspaces = FakeWorkspaces(*chance.choices([*trees, None, Refused("special_file", "fifo"), fault("disk_full")], k=40), trees[0])
    workspaces.bases.entries.extendleft(chance.choices([fault("fetch_failed"), "b0"], k=6))
    gates = FakeGates(*chance.choices([passed(), failed("x"), failed("y"), fault("setup_failed")], k=40), passed())
    delivery = FakeDelivery(
        *chance.choices([fault("github_unavailable"), Refused("push_refused", "no")], k=3), FakeDelivery().receipts.next()
    )
    return Engine(of=request(), agents=agents, workspaces=workspaces, gates=gates, delivery=delivery)


def test_what_was_verified_is_kept_for_people_to_read() -> None:
    engine = Engine(gates=FakeGates(failed("2 tests fail"), passed()))
    engine.to_the_end(walk)
    assert sorted(engine.artifacts.kept) == ["1-code-1.diff", "1-code-2.diff"]
    assert engine.artifacts.kept["1-code-2.diff"].endswith(b"-hello\n+bonjour\n")


@pytest.mark.parametrize(("added", "kept"), [("bonjour", True), ("key = 'ghp_" + "a1B2" * 9 + "'", False)])
def test_what_a_built_in_gate_refused_is_kept_unless_a_secret_was_found_in_it(added: str, *, kept: bool) -> None:
    """Proves: 003-01."""
    engine = Engine(by=rules(limits={"patch_bytes": 1}))
    engine.workspaces.added = added
    run = engine.to_the_end(walk)
    assert run.reason is not None
    assert run.reason.code == "too_large"
    assert ("1-code-1.diff" in engine.artifacts.kept) is kept


def test_an_agent_that_cannot_be_kept_to_the_tools_of_any_step_does_not_begin() -> None:
    """Asked for by whoever asked for the run; the configuration itself would not have been read. Proves: 002-01."""
    flows = {"fix": {"steps": [{"name": "a"}, {"name": "b", "tools": ["Read", "Edit"], "depends_on": ["a"]}]}}
    engine = Engine(of=request(flow="fix", agent="codex"), by=rules(flows=flows))
    run = engine.to_the_end(walk)
    assert (run.state, run.reason.code) == (RunState.FAILED, "config_invalid")
    assert run.reason.text == "Step 'b': codex edits by its shell, so it needs Bash, or only tools that read."
    assert engine.agents.launches == []
