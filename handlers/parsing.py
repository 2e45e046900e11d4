"""Payload to event. Every parser takes the id of the delivery and the raw body and returns the events in it, in order.

It raises Malformed and nothing else, whatever the body is.
"""

from collections.abc import Sequence

from handlers import payloads as wire
from handlers.events import (
    ButtonPressed,
    ChecksMoved,
    Commented,
    Event,
    InstallationMoved,
    ItemClosed,
    Labeled,
    Place,
    Pushed,
    Sender,
    Spoken,
    SuiteRerequested,
    Unlabeled,
)
from handlers.payloads import decode, text
from jobs.model import ItemKind, Repository


def labeled(delivery: str, body: bytes) -> Sequence[Event]:
    """`issues.labeled`."""
    payload = decode(body, wire.IssueLabelDelivery)
    repository = _repository(payload)
    key = f"labeled:{repository.id}:{payload.issue.number}:{delivery}"
    return [
        Labeled(
            delivery=delivery, repository=repository, sender=_sender(payload), number=payload.issue.number, kind=_kind(payload.issue),
            key=key, title=text(payload.issue.title), body=text(payload.issue.body), url=payload.issue.html_url, label=payload.label.name,
        )
    ]  # fmt: skip


def commented(delivery: str, body: bytes) -> Commented:
    """`issue_comment.created`; what it means is for `handlers.commands` to say."""
    payload = decode(body, wire.CommentDelivery)
    repository, comment = _repository(payload), payload.comment
    return Commented(
        delivery=delivery, repository=repository, sender=_sender(payload, comment.performed_via_github_app),
        number=payload.issue.number, kind=_kind(payload.issue), key=f"comment:{repository.id}:{comment.id}",
        title=text(payload.issue.title), body=text(payload.issue.body), url=comment.html_url or payload.issue.html_url,
        comment=comment.id, said=text(comment.body),
    )  # fmt: skip


def commented_beside(delivery: str, body: bytes) -> Commented:
    """`pull_request_review_comment.created`."""
    payload = decode(body, wire.ReviewCommentDelivery)
    comment = payload.comment
    place = Place(comment.in_reply_to_id or comment.id, text(comment.path), comment.line or comment.original_line)
    return _on_pull(delivery, payload, comment, Spoken.BESIDE, place)


def reviewed(delivery: str, body: bytes) -> Commented:
    """`pull_request_review.submitted`: what is said with the whole of it. Its comments beside lines come by themselves."""
    payload = decode(body, wire.ReviewDelivery)
    return _on_pull(delivery, payload, payload.review, Spoken.IN_REVIEW, None)


def _on_pull(delivery: str, payload: wire.PullDelivery, comment: wire.Comment, spoken: Spoken, place: Place | None) -> Commented:
    repository, pull = _repository(payload), payload.pull_request
    return Commented(
        delivery=delivery, repository=repository, sender=_sender(payload, comment.performed_via_github_app),
        number=pull.number, kind=ItemKind.PULL, key=f"{spoken.name.lower()}:{repository.id}:{comment.id}",
        title=text(pull.title), body=text(pull.body), url=comment.html_url or pull.html_url,
        comment=comment.id, said=text(comment.body), spoken=spoken, place=place,
    )  # fmt: skip


def unlabeled(delivery: str, body: bytes) -> Sequence[Event]:
    """`issues.unlabeled`."""
    payload = decode(body, wire.IssueLabelDelivery)
    return [_unlabeled(delivery, payload, payload.issue.number, payload.label.name)]


def pull_unlabeled(delivery: str, body: bytes) -> Sequence[Event]:
    """`pull_request.unlabeled`."""
    payload = decode(body, wire.PullLabelDelivery)
    return [_unlabeled(delivery, payload, payload.pull_request.number, payload.label.name)]


def issue_closed(delivery: str, body: bytes) -> Sequence[Event]:
    """`issues.closed`."""
    return _gone(delivery, body, "closed")


def issue_deleted(delivery: str, body: bytes) -> Sequence[Event]:
    """`issues.deleted`."""
    return _gone(delivery, body, "deleted")


def issue_transferred(delivery: str, body: bytes) -> Sequence[Event]:
    """`issues.transferred`."""
    return _gone(delivery, body, "transferred")


def pull_closed(delivery: str, body: bytes) -> Sequence[Event]:
    """`pull_request.closed`."""
    payload = decode(body, wire.PullDelivery)
    how = "merged" if payload.pull_request.merged else "closed"
    return [_closed(delivery, payload, payload.pull_request.number, how)]


def check_rerequested(delivery: str, body: bytes) -> Sequence[Event]:
    """`check_run.rerequested`."""
    return _button(delivery, decode(body, wire.CheckRunDelivery), "retry")


def button_pressed(delivery: str, body: bytes) -> Sequence[Event]:
    """`check_run.requested_action`."""
    payload = decode(body, wire.CheckRunDelivery)
    if payload.requested_action is None:
        raise wire.Malformed("the payload does not say which button was pressed")
    return _button(delivery, payload, payload.requested_action.identifier)


def suite_rerequested(delivery: str, body: bytes) -> Sequence[Event]:
    """`check_suite.rerequested`."""
    payload = decode(body, wire.CheckSuiteDelivery)
    suite, repository = payload.check_suite, _repository(payload)
    return [
        SuiteRerequested(
            delivery=delivery, repository=repository, sender=_sender(payload), number=_first(suite.pull_requests), kind=ItemKind.PULL,
            key=f"check:{repository.id}:{delivery}", sha=suite.head_sha, app=_app(suite.app),
        )
    ]  # fmt: skip


def suite_completed(delivery: str, body: bytes) -> Sequence[Event]:
    """`check_suite.completed`."""
    payload = decode(body, wire.CheckSuiteDelivery)
    return [_moved(delivery, payload, payload.check_suite.head_sha)]


def status_moved(delivery: str, body: bytes) -> Sequence[Event]:
    """`status`."""
    payload = decode(body, wire.StatusDelivery)
    return [_moved(delivery, payload, payload.sha)]


def pushed(delivery: str, body: bytes) -> Sequence[Event]:
    """`push`. A tag, or a branch that is gone, is no event."""
    payload = decode(body, wire.PushDelivery)
    kind, _, branch = payload.ref.partition("refs/heads/")
    if kind or not branch or payload.deleted:
        return []
    return [Pushed(delivery=delivery, repository=_repository(payload), branch=branch)]


def workflow_completed(delivery: str, body: bytes) -> Sequence[Event]:
    """`workflow_run.completed`."""
    payload = decode(body, wire.WorkflowRunDelivery)
    return [_moved(delivery, payload, payload.workflow_run.head_sha)]


def installation_moved(delivery: str, body: bytes) -> Sequence[Event]:
    """`installation`."""
    payload = decode(body, wire.InstallationDelivery)
    return [InstallationMoved(delivery=delivery, installation=payload.installation.id, change=payload.action)]


def selection_moved(delivery: str, body: bytes) -> Sequence[Event]:
    """`installation_repositories`. A list that is empty is about nothing, and so no event."""
    payload = decode(body, wire.SelectionDelivery)
    chosen = payload.repositories_removed if payload.action == "removed" else payload.repositories_added
    if not chosen:
        return []
    ids = tuple(repository.id for repository in chosen)
    return [InstallationMoved(delivery=delivery, installation=payload.installation.id, change=payload.action, repositories=ids)]


def _repository(payload: wire.Delivery) -> Repository:
    installation = payload.installation.id if payload.installation else 0
    return Repository(payload.repository.id, payload.repository.full_name, installation, payload.repository.default_branch or "main")


def _sender(payload: wire.Delivery, via: wire.App | None = None) -> Sender | None:
    user = payload.sender
    return Sender(user.id, user.login, bot=user.type != "User", app=_app(via)) if user else None


def _app(app: wire.App | None) -> int | None:
    return app.id if app else None


def _kind(issue: wire.Issue) -> ItemKind:
    return ItemKind.ISSUE if issue.pull_request is None else ItemKind.PULL


def _first(pulls: tuple[wire.Pull, ...] | None) -> int:
    """The number of the first pull request, 0 when GitHub names none (a fork's head)."""
    return pulls[0].number if pulls else 0


def _gone(delivery: str, body: bytes, how: str) -> Sequence[Event]:
    payload = decode(body, wire.IssueDelivery)
    return [_closed(delivery, payload, payload.issue.number, how)]


def _closed(delivery: str, payload: wire.Delivery, number: int, how: str) -> ItemClosed:
    return ItemClosed(delivery=delivery, repository=_repository(payload), sender=_sender(payload), number=number, how=how)


def _unlabeled(delivery: str, payload: wire.Delivery, number: int, label: str) -> Unlabeled:
    return Unlabeled(delivery=delivery, repository=_repository(payload), sender=_sender(payload), number=number, label=label)


def _moved(delivery: str, payload: wire.Delivery, sha: str) -> ChecksMoved:
    return ChecksMoved(delivery=delivery, repository=_repository(payload), sha=sha)


def _button(delivery: str, payload: wire.CheckRunDelivery, button: str) -> Sequence[Event]:
    check, repository = payload.check_run, _repository(payload)
    return [
        ButtonPressed(
            delivery=delivery, repository=repository, sender=_sender(payload), number=_first(check.pull_requests), kind=ItemKind.PULL,
            key=f"check:{repository.id}:{delivery}", run_id=text(check.external_id), button=button, sha=check.head_sha, app=_app(check.app),
        )
    ]  # fmt: skip
