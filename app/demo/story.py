"""The demo's story, told while it happens: one line an event, in words for somebody who sees this for the first time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Payload = Mapping[str, Any]


def _gates(payload: Payload) -> str:
    """The gates that did not pass by name, the others by their number."""
    results = payload["report"]["results"]
    failed = [f"{one['name']} FAILED" for one in results if not one["passed"]]
    return ", ".join([*failed, f"{len(results) - len(failed)} passed"])


def _findings(payload: Payload) -> Iterator[str]:
    for result in payload["report"]["results"]:
        if not result["passed"]:
            yield from (f"{one['path']}:{one['line']}  {one['message']}"[:110] for one in result["findings"] if one["path"])


TOLD: Mapping[str, Callable[[Payload], str]] = {
    "Queued": lambda _: "it is a run now, and waits in the queue",
    "Claimed": lambda payload: f"a worker claimed it under a lease (attempt {payload['attempt']})",
    "Prepared": lambda payload: f"an isolated checkout stands on {payload['base'][:10]}",
    "Launched": lambda payload: f"the {payload['agent']} agent works (iteration {payload['iteration']})",
    "Built": lambda payload: f"the agent says: {payload['result']['summary'][:90]}",
    "Snapshotted": lambda payload: f"what it changed is commit {payload['snapshot']['commit'][:10]}",
    "Rejected": lambda payload: f"gates on that commit: {_gates(payload)}",
    "Passed": lambda payload: f"gates on that commit: {_gates(payload)}",
    "Retried": lambda payload: f"the findings go back to the agent (iteration {payload['iteration']})",
    "FlowFinished": lambda _: "everything passed, the commit may leave",
    "Delivered": lambda payload: f"branch {payload['receipt']['branch']} and its record arrived in one push",
    "GaveUp": lambda payload: f"the run ended: {payload['reason']['text']}",
    "Stumbled": lambda payload: f"a stumble, again in {payload['delay']:.0f} s: {payload['reason']['text']}",
    "Parked": lambda payload: f"put aside for now: {payload['reason']['text']}",
}


def lines(event: Payload) -> Iterator[tuple[str, str]]:
    """The lines of an event, each with a style (`good`, `bad`, `dim` or none); nothing for an event that needs no words."""
    name, payload = str(event["type"]), event["payload"]
    if name not in TOLD:
        return
    style = {"Passed": "good", "Delivered": "good", "Rejected": "bad", "GaveUp": "bad"}.get(name, "")
    yield style, TOLD[name](payload)
    if name == "Rejected":
        yield from (("dim", f"  {finding}") for finding in _findings(payload))
