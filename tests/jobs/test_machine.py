"""The two tables: total, without dead ends, and the page in docs says the same."""

from pathlib import Path

import pytest

from jobs import events as e
from jobs import machine
from jobs.machine import PHASES, RUN, IllegalTransition, Row
from jobs.model import FINAL, Phase, RunState
from tests.jobs.diagram import page

DOCS = Path(__file__).parents[2] / "docs" / "state-machine.md"


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("event", e.EVENTS)
def test_every_pair_of_state_and_event_is_a_move_or_refused_by_type(state: RunState, event: type[e.Event]) -> None:
    """Proves: 000-03, 004-04, 004-12, 004-15, 004-31."""
    row = RUN[state]
    assert (event in row.moves) != (event in row.illegal)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", e.EVENTS)
def test_every_pair_of_phase_and_event_is_a_move_or_refused_by_type(phase: Phase, event: type[e.Event]) -> None:
    """Proves: 004-04, 004-15."""
    row = PHASES[phase]
    assert (event in row.moves) != (event in row.illegal)


def test_a_row_that_forgets_an_event_stops_the_import() -> None:
    """Proves: 004-12, 004-31."""
    with pytest.raises(TypeError, match="not total"):
        Row({}, frozenset(e.EVENTS) - {e.Built})


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_never_changes(state: RunState) -> None:
    """Proves: I07."""
    assert RUN[state].moves == {}


def test_an_illegal_pair_is_refused() -> None:
    """Proves: 004-04."""
    with pytest.raises(IllegalTransition, match="Delivered cannot happen in queued"):
        machine.step(RunState.QUEUED, Phase.DELIVER, e.GaveUp.__new__(e.Delivered))


@pytest.mark.parametrize("phase", [Phase.BUILD, Phase.SNAPSHOT])
@pytest.mark.parametrize("event", [e.LeaseExpired, e.Released, e.Parked])
def test_whoever_lets_go_of_a_run_loses_the_checkout_that_was_not_harvested(phase: Phase, event: type[e.Event]) -> None:
    """Proves: F41, I09. In a fresh checkout nothing differs: the agent would be told that it had done nothing."""
    assert PHASES[phase].moves[event] is Phase.PREPARE


def test_every_state_can_reach_an_end_and_can_be_reached() -> None:
    """Proves: 004-02, 004-03, 004-28, 004-30."""
    for state in set(RunState) - FINAL:
        assert _reachable(state) & FINAL
    for state in RunState:
        assert state is RunState.QUEUED or state in _reachable(RunState.QUEUED)


@pytest.mark.parametrize("state", sorted(set(RunState) - FINAL))
def test_cancel_and_failure_lead_out_of_every_state_that_is_not_final(state: RunState) -> None:
    """Proves: 004-03, 004-34."""
    assert RUN[state].moves[e.Cancelled] is RunState.CANCELLED
    assert RUN[state].moves[e.GaveUp] is RunState.FAILED


def test_verified_and_delivered_without_ci_is_success() -> None:
    """Proves: 004-01, 004-16."""
    assert machine.step(RunState.DELIVERING, Phase.DELIVER, e.Delivered.__new__(e.Delivered))[0] is RunState.SUCCEEDED
    assert machine.step(RunState.AWAITING_CI, Phase.DELIVER, e.NoChecks())[0] is RunState.SUCCEEDED


def test_the_diagram_in_the_documentation_is_made_from_the_table() -> None:
    """Proves: 004-12."""
    assert DOCS.read_text() == page(), "run `python -m tests.jobs.diagram` and commit docs/state-machine.md"


def _reachable(start: RunState) -> set[RunState]:
    seen, left = set(), [start]
    while left:
        state = left.pop()
        new = {RunState(to) for to in RUN[state].moves.values()} - seen
        seen |= new
        left += new
    return seen
