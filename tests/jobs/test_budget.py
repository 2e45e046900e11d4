"""What a run may spend, and what it is told when that is over."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from jobs import budget, convergence, fold
from jobs import events as e
from jobs.budget import Budgets, Spend
from jobs.evidence import AgentResult, Ended, Finding, Tokens
from jobs.model import Phase, Run, RunState
from jobs.phases.build import build
from jobs.policy import Floors
from tests.fakes.engine import request, rules

RUN = Run("ab" * 16, request(), rules(), RunState.RUNNING, Phase.BUILD, iteration=1, step="code", findings=(Finding("tests", "no"),))


def a_run(*, asked: float | None = None, spent: float | None = None, tokens: int = 0, **limits: object) -> Run:
    bounds = RUN.rules.model_copy(update={"limits": RUN.rules.limits.model_copy(update=limits)})
    return replace(RUN, rules=bounds, request=replace(RUN.request, cost_usd=asked), cost_usd=spent, tokens=tokens)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (a_run(spent=9.0, tokens=10**9), None),
        (a_run(cost_usd=2.0, spent=1.99), None),
        (a_run(cost_usd=2.0, spent=2.0), "The run has spent $2.00 of the $2.00 it may cost: nothing is left of it"),
        (a_run(cost_usd=2.0, asked=1.0, spent=1.5), "spent $1.50 of the $1.00"),
        (a_run(cost_usd=1.0, asked=2.0, spent=1.5), "spent $1.50 of the $1.00"),
        (a_run(cost_usd=3.0, tokens=99_999), None),
        (a_run(cost_usd=3.0, tokens=100_000), "nobody knows the model's price; it is taken for $30 a million tokens"),
    ],
)
def test_no_launch_after_the_bound_is_reached(run: Run, told: str | None) -> None:
    """Proves: 002-23, 004-33."""
    for event in (convergence.after_findings(run, 0.0), build(run, None) if told else e.Retried(2)):
        if told is None:
            assert isinstance(event, e.Retried)
        else:
            assert event.reason.code == "budget_exhausted"
            assert told in event.reason.text
            assert "does not renew" in event.reason.text


def test_what_has_no_price_is_charged_beside_what_has_one() -> None:
    """Proves: T12, 002-06. A cheap launch with a price does not make the ones without one free."""
    limited = a_run(cost_usd=1.0, spent=0.01)
    for _ in range(2):
        result = AgentResult("codex", Ended.EXIT, 0, tokens=Tokens(20_000, 0))
        limited = fold.advance(replace(limited, launched=True), e.Built(result), at=1.0)
        limited = replace(limited, phase=Phase.BUILD, launched=False)
    assert (limited.cost_usd, limited.tokens, limited.unpriced) == (0.01, 40_000, 40_000)
    assert budget.spent_usd(limited) == pytest.approx(0.01 + 1.2)
    assert "nobody knows the model's price" in build(limited, None).reason.text


def test_tokens_are_bounded_too() -> None:
    bounds = RUN.rules.model_copy(update={"limits": RUN.rules.limits.model_copy(update={"tokens": 1_000})})
    limited = replace(RUN, rules=bounds, tokens=1_000)
    assert "used 1,000 of the 1,000 tokens" in convergence.after_findings(limited, 0.0).reason.text


@pytest.mark.parametrize(
    ("run", "price", "left"),
    [
        (a_run(), 1e-5, None),
        (a_run(cost_usd=1.0), 1e-5, 100_000),
        (a_run(cost_usd=1.0, spent=0.75, tokens=5), 1e-5, 25_000),
        (a_run(cost_usd=3.0), None, 100_000),
        (a_run(cost_usd=3.0, spent=4.0), None, 0),
    ],
)
def test_a_bound_in_dollars_is_one_in_tokens_too(run: Run, price: float | None, left: int | None) -> None:
    """Proves: T12."""
    assert budget.tokens_left(run, price) == left


def test_a_budget_of_a_day_needs_to_know_what_a_run_may_spend() -> None:
    with pytest.raises(ValidationError, match=r"needs `budget\.run\.usd` beside it"):
        Budgets.model_validate({"repository": {"usd": 5}, "run": {"tokens": 9}})


def test_the_operators_bound_of_a_run_is_one_of_the_floors() -> None:
    told = Budgets(run=Spend(usd=5.0, tokens=9)).within(Floors(limits={"cost_usd": 2.0, "files": 3}))
    assert told.limits == {"cost_usd": 2.0, "tokens": 9, "files": 3}
    assert Budgets().within(Floors()) == Floors()
