"""What each page shows: reads, arranged for a template. One function a page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app import view
from app.access import Principal
from app.api import health
from app.api.problems import Problem, no_run
from app.api.reading import known
from app.dashboard import diff, runs
from app.dashboard.office import Office
from infra.store.outbox import STATES as OUTBOX_STATES
from infra.store.pages import shown
from infra.store.pauses import EVERYTHING
from jobs.errors import UserError
from jobs.model import RunState

DAY_S = 86_400.0
RECENT = 12
PAGE = 50
OVERDUE_S = 60.0
INBOX_STATES = ("pending", "done", "ignored", "dead")
Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, at what, and when."""

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    now: float

    @property
    def within(self) -> frozenset[str] | None:
        """The scopes that are shown; None for all of them."""
        return self.principal.sees


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that stands: of everything, or of a repository by its name."""

    scope: str
    name: str
    why: str

    @property
    def whole(self) -> bool:
        """Whether it is of everything."""
        return self.scope == EVERYTHING


Page = Callable[[Office, Look], Context]


def overview(office: Office, look: Look) -> Context:
    """What runs, what waits and for what, what came of the rest, and whether the service is well."""
    queue = office.looking.queue(within=look.within)
    needs = [run for state in (RunState.AWAITING_APPROVAL, RunState.PARKED) for run in _in_state(office, look, state)]
    page, _ = office.desk.reading.runs(limit=PAGE, within=look.within)
    return {
        "running": [*queue["held"], *_in_state(office, look, RunState.AWAITING_CI)],
        "waiting": _waiting(office, look, queue),
        "needs": needs,
        "recent": [run for run in page if run["state"] in view.FINAL][:RECENT],
        "figures": office.looking.ended(DAY_S, look.within),
        **_well(office, look),
    }


def listing(office: Office, look: Look) -> Context:
    """Runs, filtered, a page at a time."""
    asked = {name: look.query.get(name, "").strip() for name in ("state", "repository", "cursor")}
    state = asked["state"] if asked["state"] in set(RunState) else ""
    try:
        found, cursor = office.desk.reading.runs(
            state=state or None, repository=asked["repository"] or None, cursor=asked["cursor"] or None, limit=PAGE, within=look.within
        )
    except UserError as error:
        raise Problem(400, str(error)) from error
    return {"runs": found, "cursor": cursor, "state": state, "repository": asked["repository"], "states": list(RunState)}


def run(office: Office, look: Look) -> Context:
    """One run, from why it stands where it stands to every line that was kept."""
    run_id = look.path["run_id"]
    page = known(lambda: office.desk.reading.run(run_id))
    if not look.principal.may_see(page["scope"]):
        raise no_run()
    events = office.desk.reading.events(run_id, limit=runs.MOST_EVENTS)
    return {
        "run": page,
        "turns": {
            step["name"]: [view.turn(step, row) for attempt in step["attempts"] for row in attempt["iterations"]] for step in page["steps"]
        },
        "rail": runs.rail(page, events),
        "events": list(reversed(events)),
        "messages": [event for event in events if event["type"] == "MessageReceived"],
        "findings": runs.loose_findings(page),
        "actions": view.actions(page),
        "diff": _diff(office, page),
        "stream": f"/live/{run_id}",
    }


def queue(office: Office, look: Look) -> Context:
    """Who is at work, and who comes next."""
    found = office.looking.queue(within=look.within)
    waiting = _waiting(office, look, found)
    return {
        "running": found["held"],
        "waiting": waiting,
        "repositories": sorted({run["repository"] for run in (*found["held"], *waiting)}),
        "queued": found["queued"],
        "paused": _paused(office, look),
    }


def callbacks(office: Office, look: Look) -> Context:
    """What goes out, and what the receivers said."""
    state = look.query.get("state", "")
    rows = office.outbox.listing(state=state if state in OUTBOX_STATES else None, limit=2 * PAGE, within=look.within)
    return {"rows": [{**row, "url": shown(row["url"])} for row in rows], "state": state, "states": OUTBOX_STATES}


def inbox(office: Office, look: Look) -> Context:
    """What came in, and what became of it."""
    state, before = look.query.get("state", ""), look.query.get("before", "")
    start = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    rows = office.inbox.listing(state=state if state in INBOX_STATES else None, limit=PAGE, before=start)
    return {"rows": rows, "state": state, "states": INBOX_STATES, "more": rows[-1]["id"] if len(rows) == PAGE else None}


def workers(office: Office, look: Look) -> Context:
    """The processes of the service, and how long things wait for them."""
    found = office.looking.health()
    return {
        "health": found,
        "overdue": {row["id"] for row in found["workers"] if found["now"] - row["seen_at"] > OVERDUE_S},
        **_well(office, look),
    }


def settings(office: Office, look: Look) -> Context:
    """The settings as they are in force; secrets are stars."""
    return {"settings": office.settings}


def _in_state(office: Office, look: Look, state: RunState) -> list[Mapping[str, Any]]:
    return list(office.desk.reading.runs(state=state.value, limit=PAGE, within=look.within)[0])


def _waiting(office: Office, look: Look, queue: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The queued runs in the order they will be taken; those that may not be taken yet come last and say why."""
    place = {run_id: number for number, run_id in enumerate(queue["next"], 1)}
    queued = office.desk.reading.runs(state=RunState.QUEUED.value, limit=4 * PAGE, within=look.within)[0]
    waiting = [{**run, "place": place.get(run["id"])} for run in queued]
    return sorted(waiting, key=lambda run: (run["place"] is None, run["place"] or 0, run["created_at"]))


def _well(office: Office, look: Look) -> Context:
    return {"parts_found": health.check(office.parts), "paused": _paused(office, look)}


def _paused(office: Office, look: Look) -> list[Pause]:
    """The pauses that concern whoever looks, the one of everything first."""
    reasons = {
        scope: why for scope, why in office.looking.health()["paused"].items() if scope == EVERYTHING or look.principal.may_see(scope)
    }
    names = office.looking.names([scope for scope in reasons if scope != EVERYTHING])
    return [
        Pause(scope, "Everything" if scope == EVERYTHING else names.get(scope, scope), reasons[scope])
        for scope in sorted(reasons, key=lambda scope: (scope != EVERYTHING, names.get(scope, scope)))
    ]


def _diff(office: Office, page: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The newest change that was verified, as it was kept."""
    names = (f"{turn.attempt}-{turn.step}-{turn.n}.diff" for turn in reversed(view.turns(page)))
    kept = next((name for name in names if name in page["artifacts"]), None)
    if kept is None:
        return []
    try:
        return diff.lines(office.desk.artifacts.get(page["id"], kept).decode(errors="replace"))
    except KeyError:
        return []
