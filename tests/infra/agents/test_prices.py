"""What models cost: by the list, or not known, and never nothing."""

import pytest

from infra.agents.prices import bill, cost, dearest
from jobs.evidence import Tokens


def test_a_listed_model_has_a_price_and_its_dearest_token_costs_most() -> None:
    price = dearest("anthropic", "claude-sonnet-4-5")
    assert price is not None
    assert 0 < (cost("anthropic", "claude-sonnet-4-5", Tokens(600, 400)) or 0) <= price * 1_000


@pytest.mark.parametrize("model", [None, "", "nobody-knows-this-model"])
def test_the_price_of_another_one_is_not_known(model: str | None) -> None:
    """Proves: T12."""
    assert dearest("anthropic", model) is None
    assert cost("anthropic", model, Tokens(1, 1)) is None


def test_a_launch_costs_what_each_of_its_models_costs() -> None:
    """Proves: 002-06."""
    used = {"claude-sonnet-4-5": Tokens(600, 400), "claude-haiku-4-5": Tokens(100, 5), "never-asked": Tokens()}
    parts = [cost("anthropic", model, tokens) or 0 for model, tokens in used.items()]
    assert bill("anthropic", used) == pytest.approx(sum(parts))
    assert bill("anthropic", {}) == 0


def test_one_price_nobody_knows_makes_the_sum_unknown() -> None:
    """Proves: T12."""
    assert bill("anthropic", {"claude-haiku-4-5": Tokens(1, 1), "nobody-knows-this-model": Tokens(1, 1)}) is None
