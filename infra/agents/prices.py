"""What a launch cost, where the agent counts tokens and names its model but no price. An unknown price stays unknown and is never zero."""

from genai_prices import Usage, calc_price

from jobs.evidence import Tokens


def cost(provider: str | None, model: str | None, tokens: Tokens | None) -> float | None:
    """The price in US dollars by the list that came with the dependency; nothing is fetched."""
    if not provider or not model or not tokens or tokens == Tokens():
        return None
    used = Usage(input_tokens=tokens.input + tokens.cached, output_tokens=tokens.output, cache_read_tokens=tokens.cached)
    try:
        return float(calc_price(used, model_ref=model.rpartition("/")[2], provider_id=provider).total_price)
    except LookupError:
        return None
