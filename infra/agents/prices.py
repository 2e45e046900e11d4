"""What a launch cost, where the agent counts tokens and names its model but no price. An unknown price stays unknown and is never zero."""

from collections.abc import Mapping

from genai_prices import Usage, calc_price

from jobs.evidence import Tokens
from jobs.ports import Price

MANY = 1_000_000


def cost(provider: str | None, model: str | None, tokens: Tokens | None) -> float | None:
    """The price in US dollars by the list that came with the dependency; nothing is fetched."""
    if not provider or not model or not tokens or tokens == Tokens():
        return None
    used = Usage(input_tokens=tokens.input + tokens.cached, output_tokens=tokens.output, cache_read_tokens=tokens.cached)
    try:
        return float(calc_price(used, model_ref=model.rpartition("/")[2], provider_id=provider).total_price)
    except LookupError:
        return None


def bill(provider: str | None, by_model: Mapping[str, Tokens]) -> float | None:
    """The price of all of it; None as soon as the price of a part is not known."""
    prices = [cost(provider, model, tokens) for model, tokens in by_model.items() if tokens != Tokens()]
    return None if None in prices else sum(price for price in prices if price is not None)


def of_prompts(provider: str, model: str | None) -> Price:
    """What a token of a prompt costs."""
    million = cost(provider, model, Tokens(MANY))
    return Price(million / MANY if million else None)


def dearest(provider: str | None, model: str | None) -> float | None:
    """What the dearest kind of token of the model costs; None for a model nobody has a price of."""
    prices = [cost(provider, model, Tokens(*counts)) for counts in ((MANY, 0), (0, MANY))]
    known = [price for price in prices if price]
    return max(known) / MANY if known else None
