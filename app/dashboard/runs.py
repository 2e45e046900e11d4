"""What a run's page is made of, beside the page itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import view

MOST_EVENTS = 500
STOPS = (
    ("queued", "Queued"),
    ("prepare", "Prepare"),
    ("build", "Build"),
    ("snapshot", "Snapshot"),
    ("verify", "Verify"),
    ("deliver", "Deliver"),
)
HERE = {"feedback": "verify", "next": "verify"}


@dataclass(frozen=True, slots=True)
class Stop:
    """A phase on the way: `past`, `now`, `broke` or `ahead`."""

    name: str
    state: str


def rail(page: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> tuple[Stop, ...]:
    """How far a run has come; a run that ended badly shows where."""
    names = [name for name, _ in STOPS]
    if page["state"] == "succeeded":
        return tuple(Stop(title, "past") for _, title in STOPS)
    at = names.index(_place(page, events))
    mark = "broke" if page["state"] in view.FINAL else "now"
    return tuple(Stop(title, "past" if number < at else mark if number == at else "ahead") for number, (_, title) in enumerate(STOPS))


def _place(page: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    if not page["started_at"]:
        return "queued"
    phases = [event["phase"] for event in events if event["phase"] != "done"]
    phase = phases[-1] if phases else "prepare"
    return HERE.get(phase, phase)


def loose_findings(page: Mapping[str, Any]) -> tuple[view.Finding, ...]:
    """The findings that no turn shows: of a refused snapshot, of CI, of a reviewer."""
    told = {found for turn in view.turns(page) for found in turn.findings}
    return tuple(one for one in map(view.finding, page["findings"]) if one not in told)
