"""What `slipway stats` prints: the metrics pack in the words and units of a person. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app import wording


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.3g} %"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _counts(value: Mapping[str, int]) -> str:
    return ", ".join(f"{wording.words(name)} {number}" for name, number in value.items() if number) or "none"


FIGURES: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "window_s": ("window", wording.duration),
    "created": ("runs asked for", str),
    "ended": ("runs ended", str),
    "states": ("how they ended", _counts),
    "reasons": ("and why", _counts),
    "unknown_share": ("for an unknown reason", _share),
    "wait_s": ("median wait for a worker", wording.duration),
    "work_s": ("median work", wording.duration),
    "cost_usd": ("known cost", wording.money),
    "running": ("at work now", str),
    "in_progress": ("… with a living lease", str),
    "orphans": ("… without one", str),
    "claims": ("claims", str),
    "churn": ("claims a run", _ratio),
    "peak_claims_a_minute": ("most claims in a minute", str),
    "most_claims_of_a_run": ("most claims of one run", str),
    "most_attempts_of_a_run": ("most attempts of one run", str),
    "lost_workers": ("workers lost", str),
    "test_pressure": ("test runs in production", _share),
    "payload_coverage": ("callbacks with a payload", _share),
    "events_without_delivery": ("events without a webhook", _share),
    "webhooks_without_run": ("webhooks without a run", _share),
}
"""The figures of the pack in the order somebody wants to know them; one that is not named here would not be shown."""


def lines(pack: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What each figure is called, and what it is."""
    for key, (says, told) in FIGURES.items():
        yield says, told(pack[key])
