"""What a run's page is made of, beside the page itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import view

MOST_EVENTS = 2_000
SHOWN_EVENTS = 30
SHOWN_MESSAGES = 10
SHOWN_ACTIVITY = 40
SHOWN_TURNS = 8
SHOWN_FINDINGS = 6
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


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a run's time: what it was in, from when, for how many seconds, and its place in a picture `WIDE` units wide."""

    name: str
    start: float
    seconds: float
    turn: int
    x: float
    width: float


WIDE = 1000.0
NARROWEST = 3.0
AWAY = ("queued", "parked", "awaiting_approval", "awaiting_ci")
"""States in which a run is in no phase but waits."""


def timeline(events: Sequence[Mapping[str, Any]], now: float) -> tuple[Span, ...]:
    """What a run was in, stretch after stretch, up to its end or `now`. Nothing for a run that has not begun."""
    stretches = _stretches(events, now)
    whole = sum(seconds for _, _, seconds, _ in stretches)
    if whole <= 0 or all(name in AWAY for name, _, _, _ in stretches):
        return ()
    room = WIDE - NARROWEST * len(stretches)
    spans, x = list[Span](), 0.0
    for name, start, seconds, turn in stretches:
        width = NARROWEST + max(0.0, room) * seconds / whole
        spans.append(Span(name, start, seconds, turn, round(x, 1), round(width, 1)))
        x += width
    return tuple(spans)


def times(spans: Sequence[Span]) -> dict[str, float]:
    """How long a run was in each, in the order it first was."""
    found: dict[str, float] = {}
    for span in spans:
        found[span.name] = found.get(span.name, 0.0) + span.seconds
    return found


def _stretches(events: Sequence[Mapping[str, Any]], now: float) -> list[tuple[str, float, float, int]]:
    """(name, start, seconds, turn): what follows on the same is one stretch. A final state has no duration."""
    found: list[tuple[str, float, float, int]] = []
    turn = 0
    for event, ends in zip(events, [*(one["at"] for one in events), now][1:], strict=True):
        turn = event["payload"].get("iteration") or turn
        name = event["state"] if event["state"] in AWAY else event["phase"]
        if event["state"] in view.FINAL:
            continue
        if found and found[-1][0] == name and found[-1][3] == turn:
            name, start, _, _ = found.pop()
        else:
            start = event["at"]
        found.append((name, start, max(0.0, ends - start), turn))
    return found


@dataclass(frozen=True, slots=True)
class Room:
    """How many characters of each thing are shown. They share what a page has, so that one of many turns is no larger than of few."""

    output: int
    summary: int
    finding: int
    message: int


def room(turns: Sequence[view.Turn], messages: int) -> Room:
    """The room on a page of so many turns and messages."""
    printed = sum(1 for turn in turns for text in (turn.stdout, turn.stderr, *(gate.output for gate in turn.gates)) if text)
    found = sum(min(SHOWN_FINDINGS, len(turn.findings)) for turn in turns)
    return Room(13_000 // max(6, printed), 6_000 // max(2, len(turns)), 4_000 // max(12, found), 5_000 // max(3, messages))


def clipped(text: str, most: int) -> str:
    """The beginning and the end of what is too long for a page; what was kept whole has all of it."""
    if len(text) <= most:
        return text
    head = most // 4
    return f"{text[:head]}\n[… {len(text) - most} characters left out …]\n{text[head - most :]}"
