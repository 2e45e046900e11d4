"""What a model provider's refusal means, whichever agent reports it."""

import re

from jobs.evidence import Failure

BY_STATUS = {
    401: ("provider_auth", "The model provider refused the key. Set a valid one for the worker, then retry."),
    402: ("budget_exhausted", "The budget of the run is used up."),
    403: ("provider_auth", "The model provider does not allow this key to use the model. Set another key or another model, then retry."),
    404: ("provider_auth", "The model provider does not know the model, or this key may not use it. Set another `model`, then retry."),
    413: (
        "context_overflow",
        "The conversation became too long for the model. Ask for less at once, or use a model with a longer context.",
    ),
    429: ("provider_rate_limited", "The model provider asked for fewer requests. The run waits and goes on by itself."),
    529: ("provider_overloaded", "The model provider is overloaded. The run waits and goes on by itself."),
}
BUDGET = ("provider_budget", "The account at the model provider has no credit left. Add some, then retry.")
TURNS = ("turn_limit", "The agent used all its turns. Ask for less at once, or raise `limits.turns`.")
_WORDS = (
    (
        re.compile(
            r"context.{0,20}(?:length|window|limit)|prompt is too long|too many tokens|maximum context|maximum number of (?:input )?tokens",
            re.IGNORECASE,
        ),
        413,
    ),
    (re.compile(r"budget_exhausted", re.IGNORECASE), 402),
    (
        re.compile(r"not logged in|/login|invalid.{0,20}api.?key|authentication_error|unauthorized|no way to authenticate", re.IGNORECASE),
        401,
    ),
    (re.compile(r"rate.?limit|too many requests|resource.?exhausted", re.IGNORECASE), 429),
    (re.compile(r"overloaded|high demand|unavailable|internal server error|api_error", re.IGNORECASE), 529),
)
_CREDIT = re.compile(r"insufficient_quota|credit balance|billing|exceeded your current quota", re.IGNORECASE)
_STATUS = re.compile(r"(?:status(?:\s*code)?|error)\D{0,12}\b([45]\d\d)\b|\(([45]\d\d)\)", re.IGNORECASE)


def failure(status: int | None, said: str) -> Failure | None:
    """The failure an HTTP status and the provider's words stand for; None when they are not about the provider."""
    if "turn_limit" in said and status in (None, 402):
        return Failure(*TURNS)
    if _CREDIT.search(said):
        return Failure(*BUDGET)
    worded = next((number for pattern, number in _WORDS if pattern.search(said)), None)
    if worded == 413 or (worded == 402 and status in (None, 402)):
        status = worded
    status = status or _status_in(said) or worded
    if status is None:
        return None
    if status >= 500:
        status = 529
    return Failure(*BY_STATUS[status]) if status in BY_STATUS else None


def _status_in(said: str) -> int | None:
    match = _STATUS.search(said)
    return int(match[1] or match[2]) if match else None
