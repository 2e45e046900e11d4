"""What each page shows: reads, arranged for a template. One function a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import view
from app.access import Principal
from app.api import health
from app.api.problems import Problem, no_run
from app.api.reading import known
from app.dashboard import diff, money, runs
from app.dashboard.hiding import without_addresses
from app.dashboard.office import Office
from infra.receivers import outside
from infra.store.outbox import STATES as OUTBOX_STATES
from infra.store.pauses import EVERYTHING
from jobs.errors import UserError
from jobs.model import RunState

DAY_S = 86_400.0
RECENT = 12
AGENT_DAYS = 7
PAGE = 50
OVERDUE_S = 60.0
MOST_ASKED = 4000
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


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was asked for has a page of its own."""

    where: str


Page = Callable[[Office, Look], Context | Elsewhere]


def overview(office: Office, look: Look) -> Context:
    """What runs, what waits and for what, what came of the rest, and whether the service is well."""
    queue = office.looking.queue(within=look.within)
    waiting = _waiting(office, look, queue)
    needs = [run for state in (RunState.AWAITING_APPROVAL, RunState.PARKED) for run in _in_state(office, look, state)]
    page, _ = office.desk.reading.runs(limit=PAGE, within=look.within)
    return {
        "running": [*queue["held"], *_in_state(office, look, RunState.AWAITING_CI)],
        "waiting": waiting,
        "queued": queue["queued"],
        "needs": needs,
        "recent": [run for run in page if run["state"] in view.FINAL][:RECENT],
        "figures": office.looking.ended(DAY_S, look.within),
        **_today(office, look),
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


def find(office: Office, look: Look) -> Context | Elsewhere:
    """From any id to its run: straight there when it is one, else those it may be."""
    asked = look.query.get("q", "").strip()[:MOST_ASKED]
    found = office.looking.find(asked, within=look.within) if asked else []
    if len(found) == 1:
        return Elsewhere(f"/runs/{found[0]['id']}")
    return {"q": asked, "found": found}


def run(office: Office, look: Look) -> Context:
    """One run, from why it stands where it stands to every line that was kept."""
    run_id = look.path["run_id"]
    page = known(lambda: office.desk.reading.run(run_id))
    if not look.principal.may_see(page["scope"]):
        raise no_run()
    events = office.desk.reading.events(run_id, limit=runs.MOST_EVENTS)
    activity = office.looking.activity(run_id, limit=runs.SHOWN_ACTIVITY)
    messages = [event for event in events if event["type"] == "MessageReceived"][-runs.SHOWN_MESSAGES :]
    turns = view.turns(page)
    shown = turns[-runs.SHOWN_TURNS :]
    spans = runs.timeline(events, look.now)
    return {
        "run": page,
        "turns": {step["name"]: [turn for turn in shown if turn.step == step["name"]] for step in page["steps"]},
        "earlier": len(turns) - len(shown),
        "room": runs.room(shown, len(messages)),
        "rail": runs.rail(page, events),
        "spans": spans,
        "times": runs.times(spans),
        "events": list(reversed(events))[: runs.SHOWN_EVENTS],
        "event_count": len(events),
        "messages": messages,
        "findings": runs.loose_findings(page),
        "actions": view.actions(page),
        "diff": _diff(office, page, turns),
        "activity": activity,
        "stream": None if page["state"] in view.FINAL else f"/live/{run_id}?event={_last(events)}&line={_last(activity)}",
    }


def _last(rows: Sequence[Mapping[str, Any]]) -> int:
    """The number of the last row that is shown: the stream goes on from there."""
    return int(rows[-1]["seq"]) if rows else 0


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
    return {"rows": [outside(row) for row in rows], "state": state, "states": OUTBOX_STATES}


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


def budgets(office: Office, look: Look) -> Context:
    """What may be spent, and what of it is."""
    found = _spent(office)
    return {
        "limits": office.settings["server"].get("budget", {}),
        "today": [one for one in found if one.today],
        "before": [one for one in found if not one.today],
        "figures": office.looking.ended(look.now % DAY_S),
    }


def agents(office: Office, look: Look) -> Context:
    """The programs that do the work, as each host has them."""
    return {"agents": office.looking.agents(), "events": office.looking.agent_events(AGENT_DAYS * DAY_S), "days": AGENT_DAYS}


def settings(office: Office, look: Look) -> Context:
    """The settings as they are in force, those of the server file part by part; secrets are stars."""
    flat = {name: value for name, value in office.settings.items() if name != "server"}
    return {"settings": flat, "server": without_addresses(office.settings["server"])}


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


def _spent(office: Office) -> list[money.Spent]:
    rows = office.looking.spent()
    return money.spent(rows, office.looking.names(money.scopes(rows)))


def _today(office: Office, look: Look) -> Context:
    """The money of this day, and how much may run at once. What others spend is the operators' to know."""
    shown = [] if look.principal.actor else [one for one in _spent(office) if one.today]
    limits = office.settings["server"]["limits"]
    return {"cost_today": office.looking.ended(look.now % DAY_S, look.within)["cost_usd"], "budgets": shown[:5], "limits": limits}


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


def _diff(office: Office, page: Mapping[str, Any], turns: Sequence[view.Turn]) -> list[diff.Line]:
    """The newest change that was verified, as it was kept, with what the gates said about its lines."""
    kept = next((turn for turn in reversed(turns) if turn.diff in page["artifacts"]), None)
    if kept is None:
        return []
    try:
        text = office.desk.artifacts.get(page["id"], kept.diff).decode(errors="replace")
    except KeyError:
        return []
    return diff.lines(text, kept.findings)
