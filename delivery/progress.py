"""What an item should show of a run as it stands: one comment, labels, check runs. Pure; `app/relay` makes it so.

It depends on nothing but the run, so showing it late, twice or after a crash shows the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from delivery.manager import CheckText
from jobs import check_run, messages
from jobs.errors import REASONS, Reason
from jobs.evidence import Finding, Turn
from jobs.messages import LABELS
from jobs.model import ItemKind, Run, RunState

CONCLUSIONS: Mapping[RunState, str] = {
    RunState.SUCCEEDED: "success",
    RunState.FAILED: "failure",
    RunState.CANCELLED: "cancelled",
    RunState.REJECTED: "action_required",
}
CONCLUSION_BY_REASON: Mapping[str, str] = {
    **dict.fromkeys(("wall_timeout", "phase_timeout", "agent_timeout", "agent_idle"), "timed_out"),
    **dict.fromkeys(("head_moved", "pull_closed"), "neutral"),
    **dict.fromkeys(("gates_required", "not_authorised", "budget_exhausted", "approval_expired"), "action_required"),
}
"""Where a failed run's reason says more than that it failed. What is doubtful stays a failure: neutral lets a merge through."""

STOP = {"label": "Stop", "description": "Stop this run", "identifier": "stop"}
RETRY = {"label": "Retry", "description": "Run it again from the start", "identifier": "retry"}
FIX = {"label": "Fix", "description": "Let the agent mend what was found", "identifier": "fix"}
ENDED = {RunState.SUCCEEDED: (FIX,), RunState.FAILED: (RETRY, FIX)}
MOST_ANNOTATIONS = 200


@dataclass(frozen=True, slots=True)
class Check:
    """A check run on `sha`; `conclusion` None leaves it in progress, `begin` makes it where it is not there yet."""

    sha: str
    text: CheckText
    conclusion: str | None = None
    begin: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What there should be: None or nothing where the run has no item to show it on."""

    comment: str | None
    add: tuple[str, ...]
    remove: tuple[str, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What a status tells beside the run itself.

    `position` is its place in the line, `paused` why nothing begins in its repository, `newest` whether no later run works on the same item
    (the labels are the newest run's), `started` the commits on which a check of this run was begun, `turns` what came of each turn of its
    loop.
    """

    page: str | None = None
    position: int | None = None
    paused: str | None = None
    newest: bool = True
    started: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()


def status(run: Run, marker: str, around: Around) -> Status:
    """The status of a run as it stands."""
    on_item = run.request.source.item is not ItemKind.NONE and run.request.source.number is not None
    comment = _comment(run, marker, around) if on_item else None
    add, remove = labels(run) if on_item and around.newest else ((), ())
    return Status(comment, add, remove, checks(run, around.page, around.started))


def _comment(run: Run, marker: str, around: Around) -> str:
    return messages.status(run, position=around.position, page=around.page, marker=marker, turns=around.turns, paused=around.paused)


def labels(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels to add and to remove: the one that asked for the run gives way to what became of it."""
    stands = "running" if not run.is_final else "done" if run.state is RunState.SUCCEEDED else "failed"
    asked = [label for label, flow in run.rules.labels.items() if flow == run.request.flow]
    others = [label for state, label in LABELS.items() if state != stands]
    return (LABELS[stands],), tuple(label for label in (*asked, *others) if label != LABELS[stands])


def checks(run: Run, page: str | None, started: Collection[str]) -> tuple[Check, ...]:
    """The check on the newest commit follows the run; one on a commit we have pushed over says where it goes on.

    A commit that is on its way out is left to the delivery, until that or the run has ended.
    """
    delivered = run.receipt.sha if run.receipt and run.receipt.kind == "github" else None
    head = _begun_on(run)
    if delivered:
        older = [sha for sha in dict.fromkeys([*filter(None, [head]), *started]) if sha != delivered]
        return (*(_moved(sha, delivered) for sha in older if sha in started), _current(run, page, delivered, begin=True))
    if run.is_final:
        return tuple(_current(run, page, sha, begin=sha == head) for sha in dict.fromkeys([*filter(None, [head]), *started]))
    return (_current(run, page, head, begin=True),) if head else ()


def _begun_on(run: Run) -> str | None:
    """The head of the pull request the run works on; of a run that was turned away, else the commit whose configuration did it."""
    if _misconfigured(run):
        return run.request.head_sha or run.base_sha
    return run.request.head_sha if run.request.source.item is ItemKind.PULL and run.attempt else None


def _misconfigured(run: Run) -> bool:
    """Whether the run never began because of the repository's configuration: that is shown on the commit too, and nothing else of it."""
    return run.state is RunState.REJECTED and run.reason is not None and run.reason.code == "config_invalid"


def _moved(sha: str, to: str) -> Check:
    title, summary = check_run.moved_on(to)
    return Check(sha, CheckText(title, summary), "neutral")


def _current(run: Run, page: str | None, sha: str, *, begin: bool) -> Check:
    return Check(sha, check_text(run, page), conclusion(run), begin)


def check_text(run: Run, page: str | None) -> CheckText:
    """What a check run on the run's commit shows."""
    found = run.findings or (run.verified.findings if run.verified else ())
    return CheckText(
        title=check_run.title(run),
        summary=check_run.summary(run, page),
        text=check_run.text(run),
        annotations=tuple(_annotation(one) for one in found if one.path)[:MOST_ANNOTATIONS],
        actions=ENDED.get(run.state, (RETRY,)) if run.is_final else (STOP,),
    )


def _annotation(finding: Finding) -> Finding:
    return replace(finding, message=check_run.annotation(finding))


def conclusion(run: Run) -> str | None:
    """How the check ends; None while the run goes on. Nothing proven by gates of the repository's own: neutral at best."""
    if not run.is_final:
        return None
    if run.state is RunState.SUCCEEDED:
        proven = run.rules.gates and run.verified and run.verified.passed and not (run.receipt and run.receipt.kind == "none")
        return CONCLUSIONS[run.state] if proven else "neutral"
    reason = run.reason or Reason("internal_error", "")
    special = CONCLUSION_BY_REASON.get(reason.code) if run.state is RunState.FAILED else None
    return special or CONCLUSIONS[run.state]


if not CONCLUSION_BY_REASON.keys() <= REASONS.keys():
    raise TypeError("a conclusion is named for a reason that does not exist")
