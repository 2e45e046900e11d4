"""What a launch is estimated to use before it: written down as an estimate, and refused where not even the prompt can be paid for."""

from dataclasses import replace

import pytest

from infra.agents.prices import of_prompts
from jobs import budget
from jobs import events as e
from jobs.evidence import Estimate
from jobs.model import Run, RunState
from jobs.ports import Price
from jobs.runner import walk
from tests.fakes.engine import Engine, request, rules
from tests.jobs.test_budget import a_run


def walked(price: Price | None, body: str = "Greet.", **limits: object) -> tuple[Run, list[e.Event], Engine]:
    engine = Engine(of=request(body=body), by=rules(limits=limits))
    engine.agents.prices = price
    run = engine.to_the_end(walk)
    return run, [event for event in engine.ledger.events if isinstance(event, e.Launched)], engine


def test_a_launch_says_what_it_is_estimated_to_use() -> None:
    """Proves: 002-23."""
    run, [launched], engine = walked(Price(0.001), cost_usd=100.0)
    prompt = engine.agents.launches[0].prompt
    assert run.state is RunState.SUCCEEDED
    assert launched.estimate is not None
    assert launched.estimate.tokens == -(-len(prompt.encode()) // 4)
    assert launched.estimate.usd == pytest.approx(launched.estimate.tokens * 0.001)


def test_a_program_without_a_model_has_no_estimate() -> None:
    _, [launched], _ = walked(None)
    assert launched.estimate is None


@pytest.mark.parametrize(
    ("price", "limits", "told"),
    [
        (Price(0.001), {"cost_usd": 0.5}, "of the $0.50 the run may cost $0.5000 is left: too little, and it does not renew"),
        (Price(None), {"cost_usd": 0.02}, "of the $0.02 the run may cost $0.0200 is left"),
        (Price(0.0), {"tokens": 100}, "of the 100 tokens the run may use 100 are left: too little, and it does not renew"),
    ],
)
def test_a_launch_that_cannot_even_be_told_its_task_is_not_begun(price: Price, limits: dict[str, object], told: str) -> None:
    """Proves: 002-23, F48."""
    run, launched, engine = walked(price, body="word " * 1_000, **limits)
    assert (run.state, run.reason.code) == (RunState.FAILED, "budget_exhausted")
    assert "The next launch is estimated to use" in run.reason.text
    assert told in run.reason.text
    assert launched == engine.agents.launches == []


def test_what_was_spent_before_counts() -> None:
    """Proves: 002-23."""
    estimate = Estimate(1_000, 0.30)
    assert budget.unaffordable(a_run(cost_usd=1.0, spent=0.70), estimate) is None
    assert budget.unaffordable(a_run(cost_usd=1.0, spent=0.71), estimate)
    limited = a_run(tokens=500)
    bounded = replace(limited, rules=limited.rules.model_copy(update={"limits": limited.rules.limits.model_copy(update={"tokens": 1_499})}))
    assert "1,499 tokens the run may use 999 are left" in budget.unaffordable(bounded, estimate).text


def test_prices_come_from_the_list_and_may_be_unknown() -> None:
    listed = of_prompts("anthropic", "claude-sonnet-4-5").usd_per_token
    assert listed is not None
    assert 0 < listed < budget.UNKNOWN_USD
    assert of_prompts("openai", None) == of_prompts("openai", "nobody-knows-this-model") == Price(None)
