"""The API, as one table. Routes, access, parsing and the OpenAPI document are made of it."""

from app.access import Scope
from app.api import acting, reading, shapes, streams
from app.api.models import ApproveSpec, JobSpec, MessageSpec, PauseSpec, RetrySpec, StopSpec
from app.api.operation import Operation
from app.api.parameters import Choice, Number, Pattern
from infra.store.outbox import STATES as OUTBOX_STATES
from jobs.model import RunState

PREFIX = "/api/v1"
RUN = "/runs/{run_id}"
SCOPE = Pattern("scope", "only in this scope, `installation:repository id`", r"\d{1,19}:\d{1,19}", "80001:4711")
RUN_ID = r"[0-9a-f]{32}"
FILTERS = (
    Choice("state", "only runs in this state", tuple(RunState)),
    Pattern("repository", "only runs on this repository", r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", "acme/shop"),
    SCOPE,
    Pattern("cursor", "`next` of an earlier page", r"[A-Za-z0-9_=-]{1,200}", "MTc5NTgz"),
    Number("limit", "how many", 1, 200, 50),
)
CALLBACKS = (
    Choice("state", "only callbacks in this state", OUTBOX_STATES),
    Pattern("run", "only callbacks of this run", RUN_ID, "9f86d081884c7d659a2feaa0c55ad015"),
    SCOPE,
    Number("limit", "how many", 1, 200, 50),
)
LATELY = (Number("days", "of events: how far back", 1, 90, 7), Number("limit", "how many events", 1, 200, 50))
WHAT = "an id of a run, webhook, commit, branch, comment, check, pull request or callback, or a text with one"
FIND = (Pattern("q", WHAT, r"[\s\S]{1,4000}", "acme/shop#7"),)
RANGE = (
    Number("after", "only events after this sequence number", 0, 2**62, 0),
    Number("limit", "how many", 1, 1000, 200),
    Number("line", "of a stream: only `activity` after this sequence number", 0, 2**62, 0),
    SCOPE,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/runs", Scope.READ, reading.runs, "List runs, newest first", shapes.Runs, query=FILTERS),
    Operation("POST", "/runs", Scope.RUN, acting.start, "Start a run", shapes.RunPage, JobSpec, status=202),
    Operation("GET", "/find", Scope.READ, reading.find, "Find the runs that an id or a text belongs to", shapes.Found, query=FIND),
    Operation("GET", RUN, Scope.READ, reading.run, "Everything about a run", shapes.RunPage, query=(SCOPE,)),
    Operation(
        "GET", RUN + "/events", Scope.READ, reading.events, "What happened to a run: JSON, or a stream", shapes.Events,
        query=RANGE, stream=streams.stream, streams=streams.SAYS,
    ),
    Operation("GET", RUN + "/artifacts/{name:path}", Scope.READ, reading.artifact, "A large output of a run, whole", None, query=(SCOPE,)),
    Operation("POST", RUN + "/stop", Scope.RUN, acting.stop, "Stop a run", shapes.RunPage, StopSpec, (SCOPE,), 202),
    Operation(
        "POST", RUN + "/retry", Scope.RUN, acting.retry, "Go on with a parked run, or start a final one again", shapes.RunPage, RetrySpec,
        (SCOPE,), 202,
    ),
    Operation("POST", RUN + "/approve", Scope.RUN, acting.approve, "Say yes to a plan", shapes.RunPage, ApproveSpec, (SCOPE,), 202),
    Operation("POST", RUN + "/messages", Scope.RUN, acting.messages, "Say something to it", shapes.RunPage, MessageSpec, (SCOPE,), 202),
    Operation(
        "GET", "/agents", Scope.READ, reading.agents, "The agents of each host, and what became of them", shapes.Agents,
        query=LATELY,
    ),
    Operation("GET", "/callbacks", Scope.READ, reading.callbacks, "List callbacks, newest first", shapes.Callbacks, query=CALLBACKS),
    Operation(
        "POST", "/callbacks/{callback_id}/replay", Scope.ADMIN, acting.replay, "Send a callback again", shapes.Replayed, status=202
    ),
    Operation("POST", "/pause", Scope.ADMIN, acting.pause, "Let nothing new be claimed", shapes.Paused, PauseSpec),
    Operation("POST", "/resume", Scope.ADMIN, acting.resume, "End a pause", shapes.Resumed, PauseSpec),
)  # fmt: skip
