"""What the checks of a delivered commit mean for the run that waits for them."""

from dataclasses import dataclass, replace

import pytest

from jobs import ci
from jobs import events as e
from jobs.evidence import Finding
from jobs.model import Phase, Run, RunState
from tests.fakes.engine import request, rules

RUN = Run("ab" * 16, request(), rules(limits={"iterations": 3}), RunState.AWAITING_CI, Phase.DELIVER, iteration=1)
FINDING = Finding("tests", "2 fail", "a.py", 3)
LATE = ci.MOST_S


@dataclass(frozen=True)
class Check:
    state: str
    name: str = "tests"


@pytest.mark.parametrize(
    ("states", "waited", "found"),
    [
        ("", 0, None),
        ("", ci.NONE_S, "none"),
        ("pending", ci.NONE_S, None),
        ("pending passed", ci.NONE_S, None),
        ("pending failed", ci.NONE_S, None),
        ("pending failed", LATE, "endless"),
        ("passed", 1, None),
        ("passed", ci.SETTLED_S, "passed"),
        ("failed", 1, "failed"),
        ("passed failed", LATE, "failed"),
    ],
)
def test_an_outcome_waits_for_every_check_and_a_while_for_the_first(states: str, waited: float, found: str | None) -> None:
    """Proves: 004-01, 004-45."""
    assert ci.outcome([Check(state) for state in states.split()], waited) == found


def test_a_failure_goes_back_to_the_agent_under_a_name_no_gate_has() -> None:
    """Proves: 004-45."""
    assert ci.event(RUN, "failed", [FINDING]) == e.ChecksFailed((replace(FINDING, gate="CI: tests"),))


@pytest.mark.parametrize("used", [{"ci_rounds": 3}, {"iteration": 3}])
def test_a_failure_after_the_last_iteration_is_the_end(used: dict[str, int]) -> None:
    """Proves: 001-28."""
    event = ci.event(replace(RUN, **used), "failed", [FINDING])
    assert isinstance(event, e.GaveUp) and event.reason.code == "ci_failed"
    assert "(tests)" in event.reason.text


def test_the_other_outcomes_end_the_run_too() -> None:
    assert (ci.event(RUN, "passed"), ci.event(RUN, "none")) == (e.ChecksPassed(), e.NoChecks())
    event = ci.event(RUN, "endless")
    assert isinstance(event, e.GaveUp) and "within 24 hours" in event.reason.text


def test_whoever_waits_long_is_looked_at_seldom() -> None:
    looks = [minute for minute in range(60) if ci.due(minute * 60.0, 60.0)]
    assert looks == [*range(10), 10, 20, 30, 40, 50]
