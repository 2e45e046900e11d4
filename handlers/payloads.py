"""The parts of GitHub's payloads that are read. Keys that are not named here are skipped; a missing or misshapen one is `Malformed`.

Every user may be null: GitHub sends that for an account that is gone.
"""

from typing import Annotated, TypeVar

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
MOST_TEXT = 262_144


class Malformed(ValueError):
    """A signed delivery that does not have the shape of its event; the text names the place."""


class Part(msgspec.Struct, frozen=True):
    """A piece of a payload."""


class User(Part, frozen=True):
    """Who did something. `type` is `User`, `Bot`, `Organization` or `Mannequin`."""

    id: Id
    login: str
    type: str = "User"


class App(Part, frozen=True):
    """A GitHub App."""

    id: Id


class Repo(Part, frozen=True):
    """A repository."""

    id: Id
    full_name: str
    default_branch: str | None = None


class Installation(Part, frozen=True):
    """An installation of our App."""

    id: Id


class Label(Part, frozen=True):
    """A label."""

    name: str


class Issue(Part, frozen=True):
    """An issue; a pull request when `pull_request` is there."""

    number: Id
    title: str | None = None
    body: str | None = None
    html_url: str | None = None
    pull_request: dict[str, object] | None = None


class Pull(Part, frozen=True):
    """A pull request."""

    number: Id
    merged: bool | None = None
    title: str | None = None
    body: str | None = None
    html_url: str | None = None


class Comment(Part, frozen=True):
    """A comment on an issue or pull request."""

    id: Id
    body: str | None = None
    html_url: str | None = None
    performed_via_github_app: App | None = None


class ReviewComment(Comment, frozen=True):
    """A comment beside a line of a pull request's change. `line` is null once the line is gone, and for a comment on a whole file."""

    path: str = ""
    line: Id | None = None
    original_line: Id | None = None
    in_reply_to_id: Id | None = None


class CheckRun(Part, frozen=True):
    """A check run, of ours or of somebody else."""

    head_sha: str
    external_id: str | None = None
    app: App | None = None
    pull_requests: tuple[Pull, ...] | None = None


class CheckSuite(Part, frozen=True):
    """A check suite."""

    head_sha: str
    app: App | None = None
    pull_requests: tuple[Pull, ...] | None = None


class Button(Part, frozen=True):
    """The button of a check run that was pressed."""

    identifier: str


class WorkflowRun(Part, frozen=True):
    """A run of a GitHub Actions workflow."""

    head_sha: str


class Delivery(Part, frozen=True, kw_only=True):
    """What most deliveries have."""

    repository: Repo
    installation: Installation | None = None
    sender: User | None = None


class IssueDelivery(Delivery, frozen=True, kw_only=True):
    """`issues`."""

    issue: Issue


class IssueLabelDelivery(IssueDelivery, frozen=True, kw_only=True):
    """`issues` about one label."""

    label: Label


class CommentDelivery(IssueDelivery, frozen=True, kw_only=True):
    """`issue_comment`."""

    comment: Comment


class PullDelivery(Delivery, frozen=True, kw_only=True):
    """`pull_request`."""

    pull_request: Pull


class ReviewCommentDelivery(PullDelivery, frozen=True, kw_only=True):
    """`pull_request_review_comment`."""

    comment: ReviewComment


class ReviewDelivery(PullDelivery, frozen=True, kw_only=True):
    """`pull_request_review`: what is said with it has the shape of a comment."""

    review: Comment


class PullLabelDelivery(PullDelivery, frozen=True, kw_only=True):
    """`pull_request` about one label."""

    label: Label


class CheckRunDelivery(Delivery, frozen=True, kw_only=True):
    """`check_run`."""

    check_run: CheckRun
    requested_action: Button | None = None


class CheckSuiteDelivery(Delivery, frozen=True, kw_only=True):
    """`check_suite`."""

    check_suite: CheckSuite


class PushDelivery(Delivery, frozen=True, kw_only=True):
    """`push`."""

    ref: str
    deleted: bool = False


class StatusDelivery(Delivery, frozen=True, kw_only=True):
    """`status`."""

    sha: str


class WorkflowRunDelivery(Delivery, frozen=True, kw_only=True):
    """`workflow_run`."""

    workflow_run: WorkflowRun


class InstallationDelivery(Part, frozen=True, kw_only=True):
    """`installation`."""

    action: str
    installation: Installation


class SelectionDelivery(Part, frozen=True, kw_only=True):
    """`installation_repositories`: only id and name of a repository are sent."""

    action: str
    installation: Installation
    repositories_added: tuple[Repo, ...] = ()
    repositories_removed: tuple[Repo, ...] = ()


P = TypeVar("P")


def decode(body: bytes, shape: type[P]) -> P:
    """The body as that shape. Raises Malformed for anything else, however broken."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the payload is not what its event should be: {error}") from error


def text(value: str | None) -> str:
    """A text of GitHub's as we keep it: never null, without NUL (no database takes it), and not endless."""
    return (value or "").replace("\x00", "")[:MOST_TEXT]
