"""Whatever fails at whichever call: afterwards there is exactly one of everything, and every invariant holds."""

import ast
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.store.engine import connect, database, sqlite_url
from jobs.model import FINAL
from tests.faults import matrix, witness
from tests.faults.installation import ROOT
from tests.faults.matrix import Stable, Town, town
from tests.faults.points import FAULTS, WATCHED, Plan, both_sides

SEED, SLICE = 69287690, 10
ENDS = frozenset({"Prepared", "Launched", "Built", "Snapshotted", "Rejected", "Retried", "Passed", "FlowFinished", "Delivered"})
"""The events with which the phases of a run end that is asked to correct itself once."""
TAKEN_BACK = {"retract"}
"""What only a delivery does that came to nothing: `tests/contracts` loses each of its calls, before and after it took effect."""
KIND_AT = {"intend": 1, "_once": 0}
"""Where the calls that write an effect down have its kind."""
SURE = (
    ("github", Plan("after pulls.create", "kill")),
    ("github", Plan("after remote.push", "stall")),
    ("local", Plan("after remote.push_record", "kill")),
    ("local", Plan("after ledger.commit:Built", "exception")),
    ("github", Plan("before board.comment", "stall")),
    ("github", Plan("before board.start_check", "stall")),
)
"""Cases that are in every slice: the outside write is done and nobody knows, or it is done when another has long done it."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_slice_of_the_matrix(stable: Stable, calls: dict[str, list[str]], tmp_path: Path) -> None:
    """Proves: I01, I03, I04, I05, I06, I07, I08, I09, I10, I12, I22, F02, F03, F04, F24, F25, F28, F40, F70, F72, F74, F99."""
    dice = random.Random(SEED)
    chosen = [*SURE, *dice.sample(matrix.cases(calls), SLICE - len(SURE))]
    failed = {f"{kind}: {plan}": wrong for (kind, plan), wrong in matrix.run(tmp_path, chosen, stable) if wrong}
    assert failed == {}


def test_every_kind_of_outside_write_and_every_end_of_a_phase_has_points(calls: dict[str, list[str]]) -> None:
    """Proves: I04, I07."""
    passed = {call for each in calls.values() for call in each}
    kinds = set(effect_kinds())
    assert kinds >= {"push", "check", "pull", "dress", "record", "comment", "labels"}
    assert {f"effects.{method}:{kind}" for kind in kinds - TAKEN_BACK for method in ("intend", "done")} <= passed
    assert {f"ledger.commit:{event}" for event in ENDS} <= passed


def test_every_watched_call_is_passed_by_a_run(calls: dict[str, list[str]]) -> None:
    passed = {call.partition(":")[0] for each in calls.values() for call in each}
    assert {f"{role}.{method}" for role, methods in WATCHED.items() for method in methods} - passed == {"pulls.label"}


def test_the_matrix_has_every_point_with_every_fault_on_every_kind(calls: dict[str, list[str]]) -> None:
    every = matrix.cases(calls)
    assert len(every) == len(set(map(str, every))) == sum(len(both_sides(each)) for each in calls.values()) * len(FAULTS)


def effect_kinds() -> Iterator[str]:
    """Every kind of effect that the sources name."""
    for path in [*(ROOT / "delivery").glob("*.py"), *(ROOT / "app").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KIND_AT:
                kind = node.args[KIND_AT[node.func.attr]]
                yield from [str(kind.value)] if isinstance(kind, ast.Constant) else []


def test_a_run_that_kills_its_worker_three_times_is_put_out_with_a_reason(stable: Stable, tmp_path: Path) -> None:
    """Proves: F30, I06, I09."""
    with town(tmp_path / "town", "local", stable) as made:
        for lost in range(1, 4):
            assert stable.ask(made.job(Plan("after agents.launch", "kill")))["end"] == "killed"
            assert _now(made)[0] == "running", lost
            made.clock.sleep(matrix.PAST_THE_LEASE_S)
        matrix.recover(made)
        state, reason, launches, wrong = _now(made)
    assert (state, reason, launches, wrong) == ("failed", "poison", 3, [])


def test_a_wall_clock_set_back_by_an_hour_delays_and_breaks_nothing(stable: Stable, tmp_path: Path) -> None:
    """Proves: F34."""
    with town(tmp_path / "town", "local", stable) as made:
        assert stable.ask(made.job(Plan("after agents.launch", "kill")))["end"] == "killed"
        made.clock.jump(-3600.0)
        assert stable.ask(made.job(None))["end"] == "exit 0"
        assert _now(made)[0] == "running"  # its lease stands for that hour, and nobody takes it early
        made.clock.sleep(3600.0)
        matrix.recover(made)
        assert matrix.judged(made) == []


def test_a_wall_clock_set_forward_by_an_hour_costs_an_attempt_and_no_double(stable: Stable, tmp_path: Path) -> None:
    """Proves: F34, F28, F74."""
    with town(tmp_path / "town", "github", stable) as made:
        held = stable.ask(made.job(Plan("before remote.push", "stall")))
        assert held["end"] == "stopped"
        made.clock.sleep(3600.0)
        made.github.revoke_tokens()
        matrix.recover(made)
        assert stable.ask({"go_on": held["pid"]})["end"] != "stopped"
        state, reason, _, wrong = _now(made)
        assert (reason, wrong) == ("wall_timeout", [])
        assert state in {one.value for one in FINAL}
        assert made.github.pulls() == []


def _now(made: Town) -> tuple[str, str | None, int, list[str]]:
    """The one run's state and reason, how many agents were started, and what is wrong."""
    engine = connect(sqlite_url(database(made.data)), clock=made.clock)
    try:
        facts = witness.facts(engine, made.data, made.github)
    finally:
        engine.dispose()
    [run] = facts.runs
    return run.state.value, run.reason_code, len(facts.launches or ()), [str(one) for one in witness.violations(facts)]
