"""Faults by script: what goes wrong on the n-th call of a route, before or after the call has taken effect."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass(frozen=True)
class Trouble:
    """One planned fault. `kind`: status | html | truncated | empty | cut | hang.

    `after` lets the call take effect first: the answer is lost, the change is not. `nth` counts from when the fault was
    planned, `times` is how many calls in a row it strikes. `hold_s` is how long the caller has to keep away after it. `document`
    is the whole body where a message is not enough.
    """

    method: str
    template: str
    kind: str = "status"
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Server Error"
    document: dict[str, Any] | None = None
    after: bool = False
    nth: int = 1
    times: int = 1
    hold_s: float = 0.0


class Script:
    """The planned faults of one fake."""

    def __init__(self) -> None:
        self._planned: list[Trouble] = []
        self._seen: Counter[int] = Counter()

    def plan(self, trouble: Trouble) -> None:
        """Add a fault; several may stand for the same route."""
        self._planned.append(trouble)

    def clear(self) -> None:
        """Forget all that is planned."""
        self._planned.clear()
        self._seen.clear()

    def strike(self, method: str, template: str) -> Trouble | None:
        """The fault that is due for this call; counts the call for every fault of its route."""
        due = None
        for number, trouble in enumerate(self._planned):
            if trouble.method not in (method, "*") or trouble.template not in (template, "*"):
                continue
            self._seen[number] += 1
            if due is None and trouble.nth <= self._seen[number] < trouble.nth + trouble.times:
                due = trouble
        return due
