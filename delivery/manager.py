"""The port every delivery manager is, and the narrow roles the GitHub one is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobs.evidence import Finding, Receipt
from jobs.model import Repository, Run


class DeliveryManager(Protocol):
    """Takes `run.snapshot` out in one piece; a new forge is one of these and one line in `delivery.DELIVERIES`."""

    def deliver(self, run: Run) -> Receipt:
        """Repeatable; finds its own earlier work. Raises Refused (nothing of ours is left) or Fault (outcome unknown)."""
        ...

    def stands(self, run: Run) -> bool:
        """Whether people see a part of the delivery by now, as far as the effects tell: then it is finished, whoever asks to stop."""
        ...

    def retract(self, run: Run) -> None:
        """For a run that is over without a delivery: take back what its tries may have left, unless somebody moved it.

        Repeatable, and nothing for a run that left nothing. Raises Fault when nobody knows what became of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """A local delivery as it stands: the commits of its branch and of its record."""

    branch: str
    record: str


class Remote(Protocol):
    """The git side of a repository. Credentials never appear in argv, URL or configuration."""

    def push(self, run: Run, ref: str, commit: str, *, expect: str | None) -> None:
        """Make `ref` (full name) point at `commit`, only while it stands at `expect` (None: only if it does not exist).

        A repeat with the same commit is fine. Raises Refused(`head_moved` | `push_refused`) with the remote's words as
        evidence, Fault(`github_unavailable`) when the outcome is unknown.
        """
        ...

    def delete(self, run: Run, ref: str, *, only_at: str) -> None:
        """Remove `ref` if it still stands at `only_at`; otherwise leave it."""
        ...

    def delete_record(self, run: Run, ref: str, record_ref: str, *, only_at: str, to: str) -> None:
        """In one atomic push to the local repository `to`: remove both, if `ref` still stands at `only_at`; otherwise neither."""
        ...

    def left(self, run: Run, ref: str, record_ref: str, *, to: str) -> Left | None:
        """What an earlier delivery of the run left in the local repository `to`; None unless branch and record stand as it left them."""
        ...

    def push_record(self, run: Run, ref: str, commit: str, record_ref: str, record: str, *, to: str, over: Left | None = None) -> None:
        """In one atomic push to the local repository `to`: `ref` at `commit` and `record_ref` at a commit holding `record`.

        Neither or both, and only where there is nothing, or what is `over`; a repeat with the same arguments is fine.
        Raises Refused(`push_refused` | `branch_checked_out` | `head_moved`) or Fault(`delivery_failed`).
        """
        ...


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as the forge shows it."""

    number: int
    url: str
    head_sha: str
    head_ref: str
    head_repository: int
    author: int
    open: bool
    merged: bool
    draft: bool
    body: str


class Pulls(Protocol):
    """Pull requests of a forge."""

    def own_id(self, repository: Repository) -> int | None:
        """The user id our own writes carry (the App's bot user); None where the forge does not tell."""
        ...

    def find(self, repository: Repository, branch: str) -> Sequence[Pull]:
        """Pull requests with that head branch in the repository itself, in any state, newest first."""
        ...

    def get(self, repository: Repository, number: int) -> Pull:
        """One pull request."""
        ...

    def create(self, repository: Repository, *, branch: str, base: str, title: str, body: str, draft: bool) -> Pull:
        """Open one. Raises Exists when GitHub answers 422 "already exists", Refused(`pull_refused`), or Fault."""
        ...

    def update(self, repository: Repository, number: int, *, body: str, title: str | None = None) -> None:
        """Change the body of our own, and its title where one is given."""
        ...

    def label(self, repository: Repository, number: int, labels: Sequence[str]) -> None:
        """Add labels, assignees' way: missing ones are made by GitHub."""
        ...

    def assign(
        self, repository: Repository, number: int, *, reviewers: Sequence[str], assignees: Sequence[str], milestone: int | None
    ) -> Sequence[str]:
        """Ask for reviews and set assignees and milestone; returns a warning for each that GitHub refused."""
        ...


class Exists(Exception):
    """GitHub says a pull request for this head is already there: look again and adopt it if it is ours."""


@dataclass(frozen=True, slots=True)
class CheckText:
    """What a check run shows. `annotations` are sent in batches of 50 by the adapter."""

    title: str
    summary: str
    text: str = ""
    annotations: tuple[Finding, ...] = ()
    actions: tuple[Mapping[str, str], ...] = ()


class Board(Protocol):
    """Where a run is talked about: reactions, one comment, labels and check runs of an item."""

    def react(self, repository: Repository, number: int, comment: int | None, content: str) -> None:
        """Add a reaction to a comment, or to the item itself; the same one again changes nothing."""
        ...

    def find_comment(self, repository: Repository, number: int, marker: str) -> int | None:
        """The id of our own comment whose body has `marker`; None when there is none."""
        ...

    def comment(self, repository: Repository, number: int, body: str) -> int:
        """Post a comment; returns its id. Raises Refused(`github_refused`) on a locked item."""
        ...

    def edit_comment(self, repository: Repository, comment: int, body: str) -> bool:
        """Replace a comment's body; False when somebody deleted it."""
        ...

    def set_labels(self, repository: Repository, number: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Add and remove labels; removing one that is not there is fine."""
        ...

    def find_check(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """The id of our check run on `sha` with that `external_id`."""
        ...

    def start_check(self, repository: Repository, sha: str, external_id: str, url: str | None, text: CheckText) -> int:
        """Create the check run `slipway`, in progress; returns its id."""
        ...

    def update_check(self, repository: Repository, check: int, text: CheckText, *, conclusion: str | None) -> None:
        """Change it; a `conclusion` (success, failure, neutral, cancelled, …) completes it."""
        ...
