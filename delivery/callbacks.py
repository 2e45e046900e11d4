"""Which callbacks an event asks for, and what they say. Pure: the store keeps them, `app/relay` sends them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter

from jobs import events as e
from jobs.evidence import Receipt
from jobs.model import Run
from jobs.rules import CallbackRule
from jobs.text import cut, for_prompt

MOST_BYTES = 20_000
"""What Standard Webhooks advises as the largest body."""

TYPES: Mapping[type[e.Event], str] = {
    e.Queued: "run.queued",
    e.ApprovalAsked: "run.awaiting_approval",
    e.Parked: "run.parked",
    **dict.fromkeys(
        (e.Planned, e.Snapshotted, e.SnapshotRefused, e.BuildFailed, e.Passed, e.Rejected, e.ReviewApproved, e.ReviewRejected,
         e.Approved, e.Unparked, e.ChecksAwaited, e.ChecksFailed),
        "run.progress",
    ),
}  # fmt: skip
"""What is told of events that do not end a run; `run.started` is its first claim. The end of a run is `run.<state>`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One callback: `id` is its `webhook-id`, and the same bytes go out at every try."""

    id: str
    type: str
    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Why:
    """A reason: a code that does not change, and a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Where:
    """The repository, by the identity that does not change and the name that may."""

    id: int
    full_name: str
    installation: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What the run was asked for on, by whom, and by which webhook."""

    trigger: str
    item: str
    number: int | None
    actor: str | None
    delivery: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """Where the change went."""

    kind: str
    branch: str
    sha: str
    base_sha: str
    number: int | None
    url: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The run as it stood after the event."""

    id: str
    state: str
    flow: str
    title: str
    step: str
    attempt: int
    iteration: int
    reason: Why | None
    repository: Where
    source: Asked
    delivery: Left | None
    cost_usd: float | None
    tokens: int
    retry_of: str | None


@dataclass(frozen=True, slots=True)
class Data:
    """What a callback is about: the event by name, the run, the webhook deliveries it comes from, where to look."""

    event: str
    sequence: int
    run: Told
    deliveries: tuple[str, ...]
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Callback:
    """The body of a callback, as Standard Webhooks has it."""

    type: str
    timestamp: str
    data: Data


BODY = TypeAdapter(Callback)
"""Writes a body, and tells its JSON Schema."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The callbacks of this server: `receivers` are told of every run, beside those of repository and request.

    `public_url` is where the service is reached by people, for links.
    """

    receivers: tuple[CallbackRule, ...] = ()
    public_url: str | None = None

    def __call__(self, run: Run, event: e.Event, at: float) -> list[Message]:
        """The callbacks for `event`, after which `run` stands as it does; the same ids for the same event, always."""
        kind = type_of(run, event)
        if kind is None:
            return []
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = BODY.dump_json(Callback(kind, stamp, self._data(run, event)))
        return [Message(_id(run, kind, url), kind, url, body) for url in self._urls(run, kind)]

    def _urls(self, run: Run, kind: str) -> list[str]:
        """Each receiver once, whoever named it."""
        rules = (*run.rules.callbacks, *self.receivers)
        wanted = [rule.url for rule in rules if not rule.events or kind in rule.events]
        return list(dict.fromkeys([*filter(None, [run.request.callback_url]), *wanted]))

    def _data(self, run: Run, event: e.Event) -> Data:
        deliveries = filter(None, [run.request.source.delivery])
        return Data(type(event).__name__, run.version, told(run), tuple(deliveries), self._links(run))

    def _links(self, run: Run) -> Mapping[str, str]:
        base = (self.public_url or "").rstrip("/")
        ours = {"run": f"{base}/runs/{run.id}", "api": f"{base}/api/v1/runs/{run.id}"} if base else {}
        theirs = {"item": run.request.source.url, "pull": run.receipt.url if run.receipt else None}
        return {**ours, **{name: _short(url, 500) for name, url in theirs.items() if url}}


messages: Callable[[Run, e.Event, float], Sequence[Message]] = Callbacks()
"""The callbacks of a server that has no receivers of its own and no public address."""


def type_of(run: Run, event: e.Event) -> str | None:
    """What an event is told as; None when it is nobody's business."""
    if run.is_final:
        return f"run.{run.state.value}"
    if isinstance(event, e.Claimed):
        return "run.started" if event.attempt == 1 else None
    return TYPES.get(type(event))


def told(run: Run) -> Told:
    """A run for the outside, every text in it bounded."""
    request, source, at = run.request, run.request.source, run.repository
    return Told(
        id=run.id,
        state=run.state.value,
        flow=_short(request.flow),
        title=_short(run.title or request.title),
        step=run.step,
        attempt=run.attempt,
        iteration=run.iteration,
        reason=Why(run.reason.code, _short(run.reason.text, 1_000)) if run.reason else None,
        repository=Where(at.id, at.full_name, at.installation),
        source=Asked(source.trigger, source.item.value, source.number, source.actor.login if source.actor else None, source.delivery),
        delivery=_left(run.receipt) if run.receipt else None,
        cost_usd=run.cost_usd,
        tokens=run.tokens,
        retry_of=request.retry_of,
    )


def _left(receipt: Receipt) -> Left:
    warnings = tuple(_short(warning) for warning in receipt.warnings[:10])
    return Left(receipt.kind, receipt.branch, receipt.sha, receipt.base_sha, receipt.number, receipt.url, warnings)


def _short(text: str, most: int = 200) -> str:
    return cut(for_prompt(text), most)


def _id(run: Run, kind: str, url: str) -> str:
    return "msg_" + hashlib.sha256(f"{run.id}\0{run.version}\0{kind}\0{url}".encode()).hexdigest()[:32]
