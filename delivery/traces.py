"""A run as a trace: webhook, waits, phases, agents and gates as spans, made from what is stored once the run has ended. Pure.

The trace's id is the run's. Ids of spans follow from what they stand for, so telling a run twice tells the same spans.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Page = Mapping[str, Any]
Told = str | int | float | bool
WORKING = frozenset({"running", "delivering"})
ASIDE = frozenset({"MessageReceived", "StopRequested", "StuckNoticed", "Launched"})
"""Events in the middle of what goes on, which begin and end no span of their own."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The webhook that led to the run: when it came in, and when it was worked."""

    event: str
    received_at: float
    done_at: float


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time, in seconds since the epoch. `id` has 16 hexadecimal digits, `parent` as many or none."""

    name: str
    id: str
    parent: str
    start: float
    end: float
    failed: bool = False
    attributes: Mapping[str, Told] = field(default_factory=dict)


def spans(page: Page, events: Sequence[Page], arrival: Arrival | None) -> list[Span]:
    """The spans of a run that has ended, the whole run first."""
    run, source = page["id"], page["source"]
    root = _id(run, "run")
    about = {
        "run": run, "repository": page["repository"], "flow": page["flow"], "state": page["state"], "trigger": source["trigger"],
        "delivery": source["delivery"], "number": source["number"], "reason": page["reason"] and page["reason"]["code"],
    }  # fmt: skip
    begun = arrival.received_at if arrival else page["created_at"]
    whole = Span(f"run {page['flow']}", root, "", begun, page["ended_at"], page["state"] in {"failed", "rejected"}, _known(about))
    return [whole, *_arrived(run, root, arrival), *_walked(run, root, events)]


def _arrived(run: str, root: str, arrival: Arrival | None) -> Iterator[Span]:
    if arrival:
        yield Span("webhook", _id(run, "webhook"), root, arrival.received_at, arrival.done_at, attributes={"slipway.event": arrival.event})


def _walked(run: str, root: str, events: Sequence[Page]) -> Iterator[Span]:
    """A span for each stretch between two events, with agents and gates inside."""
    turns = [event for event in events if event["type"] not in ASIDE]
    launches = [event for event in events if event["type"] == "Launched"]
    for before, after in pairwise(turns):
        doing = before["phase"] if before["state"] in WORKING else before["state"]
        here = Span(doing, _id(run, before["seq"]), root, before["at"], after["at"], attributes={"slipway.attempt": before["attempt"]})
        yield here
        launched = next((event for event in launches if before["seq"] < event["seq"] < after["seq"]), None)
        yield from _launch(run, here, launched, after)
        yield from _gates(run, here, after)


def _launch(run: str, within: Span, launched: Page | None, after: Page) -> Iterator[Span]:
    result = after["payload"].get("result")
    if launched is None or not result:
        return
    tokens, failure = result.get("tokens") or {}, result.get("failure")
    about = {
        "agent": result["agent"], "model": result.get("model"), "step": launched["payload"]["step"],
        "iteration": launched["payload"]["iteration"], "cost_usd": result.get("cost_usd"), "outcome": failure["code"] if failure else "ok",
        **{f"tokens.{kind}": number for kind, number in tokens.items()},
    }  # fmt: skip
    yield Span(
        f"agent {result['agent']}", _id(run, launched["seq"]), within.id, launched["at"], after["at"], failure is not None, _known(about)
    )


def _gates(run: str, within: Span, after: Page) -> Iterator[Span]:
    """How long each gate took is known, and not when it began: all are shown from the beginning of their phase."""
    for gate in (after["payload"].get("report") or {}).get("results", ()):
        about = _known({"required": gate["required"], "exit_code": gate["exit_code"]})
        name, end = gate["name"], within.start + gate["duration_s"]
        yield Span(f"gate {name}", _id(run, after["seq"], name), within.id, within.start, end, not gate["passed"], about)


def _known(about: Mapping[str, Told | None]) -> dict[str, Told]:
    return {f"slipway.{name}": value for name, value in about.items() if value is not None}


def _id(*what: object) -> str:
    return hashlib.sha256(" ".join(map(str, what)).encode()).hexdigest()[:16]
