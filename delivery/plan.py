"""What is to be delivered, decided before anything is done: branch, texts, people, record. Pure."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from delivery.marks import marker
from jobs import messages
from jobs.errors import Refused
from jobs.evidence import GateReport, Snapshot
from jobs.model import ItemKind, Run

Page = Callable[[str], str | None]
"""The address of a run's page by its id; None where the service has no public address."""


def unlisted(run_id: str) -> str | None:
    """The page of a run that has none."""
    return None


MOST_SLUG = 40
MOST_BRANCH = 120


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a delivery manager needs to know; the same for the same run at every try.

    `aside` is why the commit does not go to the branch of the pull request it was asked for on, where that was tried.
    """

    branch: str
    base: str
    sha: str
    base_sha: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    assignees: tuple[str, ...]
    milestone: int | None
    draft: bool
    marker: str
    expect: str | None
    follows: int | None
    stacks: int | None
    record: str
    aside: str = ""

    @property
    def ref(self) -> str:
        """The branch as a full ref name."""
        return f"refs/heads/{self.branch}"


def plan(run: Run, *, key: bytes = b"", page: Page = unlisted, aside: str = "") -> Plan:
    """The plan for `run.snapshot`. Raises Refused(`delivery_failed`) when that is not what the gates saw and passed."""
    snapshot, report = verified(run)
    follows = None if aside else pull_followed(run)
    branch = (run.request.head_ref if follows else None) or branch_name(run)
    rule, mark = run.rules.delivery, marker(run, key)
    return Plan(
        branch=branch,
        base=base(run, follows),
        sha=snapshot.commit,
        base_sha=snapshot.base,
        title=messages.title(run),
        body=messages.pull_body(run, page=page(run.id), marker=mark, aside=aside),
        labels=rule.labels,
        reviewers=rule.reviewers,
        assignees=rule.assignees,
        milestone=rule.milestone,
        draft=rule.draft,
        marker=mark,
        expect=_stands_at(run, branch, run.request.head_sha if follows else None),
        follows=follows,
        stacks=pull_stacked_on(run),
        record=record(run, branch, snapshot, report),
        aside=aside,
    )


def verified(run: Run) -> tuple[Snapshot, GateReport]:
    """Snapshot and report, which belong together: the tree every gate saw and passed is the tree that leaves."""
    snapshot, report = run.snapshot, run.verified
    if snapshot is None or report is None or not report.passed or report.tree != snapshot.tree:
        raise Refused("delivery_failed", "The commit is not the one its gates passed on, so it does not leave. Retry the run.")
    return snapshot, report


def base(run: Run, follows: int | None) -> str:
    """The branch a pull request asks to be merged into; for one that is stacked on another, that one's own branch."""
    onto = run.request.head_ref if follows or pull_stacked_on(run) else None
    return onto or run.request.base or run.repository.default_branch


def pull_followed(run: Run) -> int | None:
    """The pull request whose own branch gets the commit; None when the commit goes to a branch of ours."""
    return _pull(run) if run.rules.delivery.pulls in ("push", "push_or_follow_up") else None


def pull_stacked_on(run: Run) -> int | None:
    """The pull request whose branch a pull request of ours asks to be merged into."""
    return _pull(run) if run.rules.delivery.pulls == "stack" else None


def _pull(run: Run) -> int | None:
    """The pull request a run works on; None also where it was asked for on a merged one."""
    source = run.request.source
    return source.number if source.item is ItemKind.PULL and run.request.head_ref else None


def _stands_at(run: Run, branch: str, authorised: str | None) -> str | None:
    """Where the branch has to stand for us to move it: where we left it last, else at the authorised head, else nowhere."""
    last = run.receipt
    return last.sha if last and last.branch == branch else authorised


def branch_name(run: Run) -> str:
    """The branch a run's change leaves on: the repository's template, filled in and made a name git and a shell can take.

    The run's id is always part of it, so nobody can have taken the name before.
    """
    number = run.request.source.number
    parts = {"number": str(number) if number else "", "slug": slug(run.title or run.request.title), "run": run.short}
    name = re.sub(r"\{(\w+)\}", lambda hole: parts.get(hole[1], ""), run.rules.delivery.branch)
    clean = _clean(name)
    if run.short in clean and len(clean) <= MOST_BRANCH:
        return clean
    return _clean(f"{clean[: MOST_BRANCH - 9]}-{run.short}") if clean else f"slipway/{run.short}"


def slug(text: str) -> str:
    """A few letters of a title: a-z, 0-9 and single hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:MOST_SLUG].strip("-") or "change"


def _clean(name: str) -> str:
    """`name` by an allow-list narrower than `git check-ref-format`: nothing in it means anything to git, a shell or a URL."""
    safe = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._/-]+", "-", name))
    parts = [_component(part) for part in re.sub(r"\.{2,}", ".", safe).split("/")]
    return "/".join(part for part in parts if part)


def _component(part: str) -> str:
    bare = part.strip("-.")
    while bare.lower().endswith(".lock"):
        bare = bare[:-5].strip("-.")
    return bare


def record(run: Run, branch: str, snapshot: Snapshot, report: GateReport) -> str:
    """What is kept beside a local branch where a forge would have a pull request. Stable: no time of its making is in it."""
    source = run.request.source
    told: Mapping[str, object] = {
        "run": run.id,
        "request": {
            "intent": run.request.intent_key,
            "trigger": source.trigger,
            "delivery": source.delivery,
            "number": source.number,
            "actor": source.actor.login if source.actor else None,
            "title": run.request.title,
            "flow": run.request.flow,
        },
        "repository": run.repository.full_name,
        "branch": branch,
        "base": {"branch": base(run, pull_followed(run)), "sha": snapshot.base},
        "sha": snapshot.commit,
        "tree": snapshot.tree,
        "title": messages.title(run),
        "summary": run.summary,
        "gates": [{"name": r.name, "passed": r.passed, "required": r.required, "seconds": r.duration_s} for r in report.results],
        "changes": [asdict(change) for change in snapshot.changes],
        "attempt": run.attempt,
        "iteration": run.iteration,
        "cost_usd": run.cost_usd,
        "created_at": run.created_at,
        "started_at": run.started_at,
    }
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
