"""Issues and what hangs on them: history, comments, reactions, labels, assignees."""

from typing import Any

from tests.fakes.github import events
from tests.fakes.github.calls import Answer, Call, custom, invalid, paged, seen, writable
from tests.fakes.github.state import Comment, Issue, Label, Reaction
from tests.fakes.github.tokens import Deny

MOST_BODY = 65_536
CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def list_issues(call: Call) -> Answer:
    """Issues and pull requests, newest first, by state and labels."""
    state, labels = call.query.get("state", "open"), [name for name in call.query.get("labels", "").lower().split(",") if name]
    rows = [
        item
        for item in sorted(call.repo.items.values(), key=lambda item: -item.number)
        if state in ("all", item.state) and {label.name.lower() for label in item.labels}.issuperset(labels)
    ]
    return paged(call, seen(rows), lambda item: call.hub.shapes.issue(call.repo, item))


def get_issue(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.issue(call.repo, _item(call)))


def update_issue(call: Call) -> Answer:
    """Only what the service may change: the milestone."""
    writable(call.repo)
    item, milestone = _item(call), call.body.get("milestone")
    if milestone is not None and milestone not in call.repo.milestones:
        raise invalid("Issue", "milestone")
    item.milestone = milestone
    return Answer(200, call.hub.shapes.issue(call.repo, item))


def list_events(call: Call) -> Answer:
    """The item's history, oldest first."""
    return paged(call, seen(_item(call).events), lambda event: call.hub.shapes.event(call.repo, event))


def list_comments(call: Call) -> Answer:
    number = _item(call).number
    rows = [comment for comment in call.repo.comments.values() if comment.number == number]
    return paged(call, seen(rows), lambda comment: call.hub.shapes.comment(call.repo, comment))


def list_repository_comments(call: Call) -> Answer:
    """Comments of all items; by `since`, oldest change first when asked."""
    rows = sorted(call.repo.comments.values(), key=lambda c: c.updated_at, reverse=call.query.get("direction") == "desc")
    since = call.query.get("since", "")
    shaped = [shape for shape in (call.hub.shapes.comment(call.repo, comment) for comment in seen(rows)) if shape["updated_at"] >= since]
    return paged(call, shaped, lambda shape: shape)


def create_comment(call: Call) -> Answer:
    writable(call.repo)
    item, hub = _item(call), call.hub
    if item.locked:
        raise Deny(403, "Unable to create comment because issue is locked.")
    body = _text(call.body.get("body"))
    comment = Comment(hub.id(), item.number, call.actor, body, hub.now(), hub.now(), hidden_reads=hub.lag_reads)
    call.repo.comments[comment.id] = comment
    hub.emit("issue_comment", events.issue_comment(hub, call.repo, item, comment, "created", call.actor))
    return Answer(201, hub.shapes.comment(call.repo, comment))


def get_comment(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.comment(call.repo, _comment(call)))


def update_comment(call: Call) -> Answer:
    writable(call.repo)
    comment, hub = _comment(call), call.hub
    before, comment.body, comment.updated_at = comment.body, _text(call.body.get("body")), hub.now()
    item = call.repo.items[comment.number]
    hub.emit("issue_comment", events.issue_comment(hub, call.repo, item, comment, "edited", call.actor, before))
    return Answer(200, hub.shapes.comment(call.repo, comment))


def list_labels(call: Call) -> Answer:
    return paged(call, _item(call).labels, lambda label: call.hub.shapes.label(call.repo, label))


def add_labels(call: Call) -> Answer:
    """Add labels; those the repository has not are made."""
    writable(call.repo)
    item, hub = _item(call), call.hub
    for name in call.body["labels"]:
        label = hub.label(call.repo, name)
        if label not in item.labels:
            item.labels.append(label)
            hub.history(item, "labeled", call.actor, label)
            _tell(call, item, "labeled", label)
    return Answer(200, [hub.shapes.label(call.repo, label) for label in item.labels])


def remove_label(call: Call) -> Answer:
    writable(call.repo)
    item, hub = _item(call), call.hub
    label = call.repo.labels.get(call.vars["name"].lower())
    if label is None or label not in item.labels:
        raise Deny(404, "Label does not exist")
    item.labels.remove(label)
    hub.history(item, "unlabeled", call.actor, label)
    _tell(call, item, "unlabeled", label)
    return Answer(200, [hub.shapes.label(call.repo, left) for left in item.labels])


def add_assignees(call: Call) -> Answer:
    """People who cannot be assigned are left out without a word, as GitHub does."""
    writable(call.repo)
    item, hub = _item(call), call.hub
    for login in call.body["assignees"]:
        user = hub.users.get(login.lower())
        if user and hub.permission(call.repo, user) in ("write", "maintain", "admin", "triage") and user not in item.assignees:
            item.assignees.append(user)
    return Answer(201, hub.shapes.issue(call.repo, item))


def react_to_issue(call: Call) -> Answer:
    return react(call, _item(call).reactions)


def react_to_comment(call: Call) -> Answer:
    return react(call, _comment(call).reactions)


def react(call: Call, reactions: list[Reaction]) -> Answer:
    """200 when it was there already, 201 when it is new."""
    writable(call.repo)
    content = call.body.get("content")
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    for reaction in reactions:
        if reaction.user.id == call.actor.id and reaction.content == content:
            return Answer(200, call.hub.shapes.reaction(reaction))
    reaction = Reaction(call.hub.id(), call.actor, content, call.hub.now())
    reactions.append(reaction)
    return Answer(201, call.hub.shapes.reaction(reaction))


def _text(body: Any) -> str:
    if not isinstance(body, str) or not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    if len(body) > MOST_BODY:
        raise custom("IssueComment", f"body is too long (maximum is {MOST_BODY} characters)")
    return body


def _item(call: Call) -> Issue:
    return call.hub.item(call.repo, call.number("issue_number"))


def delete_comment(call: Call) -> Answer:
    """GitHub answers with no body."""
    writable(call.repo)
    comment, hub = _comment(call), call.hub
    del call.repo.comments[comment.id]
    item = call.repo.items[comment.number]
    hub.emit("issue_comment", events.issue_comment(hub, call.repo, item, comment, "deleted", call.actor))
    return Answer(204, None)


def _comment(call: Call) -> Comment:
    comment = call.repo.comments.get(call.number("comment_id"))
    if not comment:
        raise Deny(404, "Not Found")
    return comment


def _tell(call: Call, item: Issue, action: str, label: Label) -> None:
    """Tell of a label change, as an issue's or as a pull request's event."""
    hub = call.hub
    if item.pull:
        shape = hub.shapes.label(call.repo, label)
        hub.emit("pull_request", events.pull_request(hub, call.repo, item, action, call.actor, label=shape))
    else:
        hub.emit("issues", events.issues(hub, call.repo, item, action, call.actor, label))
