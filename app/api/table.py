"""The API, as one table. Routes, access, parsing and the OpenAPI document are made of it."""

from app.access import Scope
from app.api import acting, reading, streams
from app.api.models import ApproveSpec, JobSpec, MessageSpec, PauseSpec, RetrySpec, StopSpec
from app.api.operation import Operation, Parameter

PREFIX = "/api/v1"
RUN = "/runs/{run_id}"
FILTERS = (
    Parameter("state", "only runs in this state"),
    Parameter("repository", "only runs on this `owner/name`"),
    Parameter("scope", "only runs of this `installation:repository id`"),
    Parameter("cursor", "`next` of an earlier page"),
    Parameter("limit", "how many, up to 200"),
)
CALLBACKS = (
    Parameter("state", "only callbacks in this state: pending, sent or dead"),
    Parameter("run", "only callbacks of this run"),
    Parameter("limit", "how many, up to 200"),
)
RANGE = (Parameter("after", "only events after this sequence number"), Parameter("limit", "how many, up to 1000"))

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/runs", Scope.READ, reading.runs, "List runs, newest first", query=FILTERS),
    Operation("POST", "/runs", Scope.RUN, acting.start, "Start a run", JobSpec, status=202),
    Operation("GET", RUN, Scope.READ, reading.run, "Everything about a run"),
    Operation(
        "GET", RUN + "/events", Scope.READ, reading.events, "What happened to a run: JSON, or a stream", query=RANGE, stream=streams.stream
    ),
    Operation("GET", RUN + "/artifacts/{name:path}", Scope.READ, reading.artifact, "A large output of a run, whole"),
    Operation("POST", RUN + "/stop", Scope.RUN, acting.stop, "Stop a run", StopSpec, status=202),
    Operation(
        "POST", RUN + "/retry", Scope.RUN, acting.retry, "Go on with a parked run, or start a final one again", RetrySpec, status=202
    ),
    Operation("POST", RUN + "/approve", Scope.RUN, acting.approve, "Say yes to a plan", ApproveSpec, status=202),
    Operation("POST", RUN + "/messages", Scope.RUN, acting.messages, "Tell the agent something", MessageSpec, status=202),
    Operation("GET", "/callbacks", Scope.READ, reading.callbacks, "List callbacks, newest first", query=CALLBACKS),
    Operation("POST", "/callbacks/{callback_id}/replay", Scope.ADMIN, acting.replay, "Send a callback again", status=202),
    Operation("POST", "/pause", Scope.ADMIN, acting.pause, "Let nothing new be claimed", PauseSpec),
    Operation("POST", "/resume", Scope.ADMIN, acting.resume, "End a pause", PauseSpec),
)
