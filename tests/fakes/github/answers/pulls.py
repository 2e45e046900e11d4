"""Pull requests. Heads and bases are branches of the real repositories."""

from tests.fakes.github import events, gitside
from tests.fakes.github.answers.issues import react
from tests.fakes.github.calls import Answer, Call, custom, invalid, paged, seen, writable
from tests.fakes.github.hub import Hub
from tests.fakes.github.state import Issue, PullSide, Repository, ReviewComment, User
from tests.fakes.github.tokens import Deny


def list_pulls(call: Call) -> Answer:
    """By head (`owner:branch`), base and state; newest first."""
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    rows = [
        item
        for item in sorted(call.repo.items.values(), key=lambda item: -item.number)
        if item.pull
        and state in ("all", item.state)
        and (head is None or head.lower() == _head(call.hub, item).lower())
        and (base is None or base == item.pull.base_ref)
    ]
    return paged(call, seen(rows), lambda item: call.hub.shapes.pull(call.repo, item, call.hub.head_repository(item)))


def get_pull(call: Call) -> Answer:
    return Answer(200, call.hub.shape(call.repo, _pull(call)))


def list_review(call: Call) -> Answer:
    """Comments beside lines, oldest first."""
    item = _pull(call)
    rows = [comment for comment in call.repo.review if comment.number == item.number]
    return paged(call, rows, lambda comment: call.hub.shapes.review_comment(call.repo, comment))


def list_all_review(call: Call) -> Answer:
    """Comments beside lines of all pull requests; by `since`."""
    since, shapes = call.query.get("since", ""), call.hub.shapes
    shaped = (shapes.review_comment(call.repo, comment) for comment in call.repo.review)
    return paged(call, [shape for shape in shaped if shape["updated_at"] >= since], lambda shape: shape)


def reply(call: Call) -> Answer:
    """An answer in the thread that a comment began; GitHub takes none to an answer."""
    writable(call.repo)
    item, first, hub = _pull(call), _beside(call), call.hub
    if first.answers or first.number != item.number:
        raise Deny(404, "Not Found")
    said = str(call.body.get("body") or "")
    made = ReviewComment(hub.id(), item.number, call.actor, said, first.path, first.line, first.sha, hub.now(), first.id)
    call.repo.review.append(made)
    hub.emit("pull_request_review_comment", events.review_comment(hub, call.repo, item, made, "created", call.actor))
    return Answer(201, hub.shapes.review_comment(call.repo, made))


def react_beside(call: Call) -> Answer:
    return react(call, _beside(call).reactions)


def _beside(call: Call) -> ReviewComment:
    found = next((one for one in call.repo.review if one.id == call.number("comment_id")), None)
    if found is None:
        raise Deny(404, "Not Found")
    return found


def create_pull(call: Call) -> Answer:
    """Refuses what GitHub refuses: unknown branches, no commits between, a second one for the same head and base."""
    writable(call.repo)
    body, repo, hub = call.body, call.repo, call.hub
    head, base = str(body.get("head", "")), str(body.get("base", ""))
    branch = head.removeprefix(f"{repo.owner.login}:")
    tip, base_tip = gitside.tip(repo.path, branch), gitside.tip(repo.path, base)
    if not body.get("title"):
        raise invalid("PullRequest", "title", "missing_field")
    if base_tip is None:
        raise invalid("PullRequest", "base")
    if tip is None:
        raise invalid("PullRequest", "head")
    if any(_stands_for(item, repo, branch, base) for item in repo.items.values()):
        raise custom("PullRequest", f"A pull request already exists for {repo.owner.login}:{branch}.")
    if not gitside.ahead(repo.path, base_tip, tip):
        raise custom("PullRequest", f"No commits between {base} and {branch}")
    item = open_pull(
        hub, repo, head_repository=repo, head=branch, base=base, title=body["title"], body=body.get("body") or "",
        draft=bool(body.get("draft")), user=call.actor,
    )  # fmt: skip
    item.hidden_reads = hub.lag_reads
    hub.emit("pull_request", events.pull_request(hub, repo, item, "opened", call.actor))
    return Answer(201, hub.shape(repo, item))


def update_pull(call: Call) -> Answer:
    """Title and body of an open or closed pull request, and closing it."""
    writable(call.repo)
    item, hub = _pull(call), call.hub
    item.title, item.body = call.body.get("title", item.title), call.body.get("body", item.body)
    item.updated_at = hub.now()
    if call.body.get("state") == "closed" and item.state == "open":
        close(hub, item, call.actor)
        hub.emit("pull_request", events.pull_request(hub, call.repo, item, "closed", call.actor))
    else:
        hub.emit("pull_request", events.pull_request(hub, call.repo, item, "edited", call.actor, changes={}))
    return Answer(200, hub.shape(call.repo, item))


def request_reviewers(call: Call) -> Answer:
    """422 for somebody who is no collaborator, and for the author."""
    writable(call.repo)
    item, hub = _pull(call), call.hub
    assert item.pull
    wanted = [hub.users.get(login.lower()) for login in call.body.get("reviewers", [])]
    users = [user for user in wanted if user and hub.permission(call.repo, user) != "none"]
    if len(users) != len(wanted):
        raise Deny(422, "Reviews may only be requested from collaborators. One or more of the users is not a collaborator.")
    if any(user.id == item.user.id for user in users):
        raise Deny(422, "Review cannot be requested from pull request author.")
    item.pull.reviewers += [user for user in users if user not in item.pull.reviewers]
    return Answer(201, hub.shapes.pull(call.repo, item, hub.head_repository(item)))


def open_pull(
    hub: Hub, repo: Repository, *, head_repository: Repository, head: str, base: str, title: str, body: str, draft: bool, user: User
) -> Issue:
    """A new pull request, with the ref GitHub keeps for it."""
    number = next_number(repo)
    item = Issue(hub.id(), number, title, body, user, hub.now(), hub.now(), pull=PullSide(head, head_repository.id, base, draft))
    repo.items[number] = item
    keep_ref(hub, repo, item)
    return item


def keep_ref(hub: Hub, repo: Repository, item: Issue) -> None:
    """Let `refs/pull/<n>/head` follow the head branch."""
    head = hub.head_repository(item)
    sha = gitside.tip(head.path, item.pull.head_ref) if head and item.pull else None
    if head and sha:
        if head.id != repo.id:
            gitside.git(repo.path, "fetch", "--quiet", "--no-tags", str(head.path), sha)
        gitside.git(repo.path, "update-ref", f"refs/pull/{item.number}/head", sha)


def close(hub: Hub, item: Issue, actor: User, *, merged: bool = False) -> None:
    """Close an issue or pull request; the head stays written down."""
    if item.pull:
        head = hub.head_repository(item)
        item.pull.frozen_sha = gitside.tip(head.path, item.pull.head_ref) if head else None
        item.pull.merged_at = hub.now() if merged else None
    item.state, item.closed_at = "closed", hub.now()
    hub.history(item, "merged" if merged else "closed", actor)


def next_number(repo: Repository) -> int:
    """Issues and pull requests share their numbers."""
    return max(repo.items, default=0) + 1


def _pull(call: Call) -> Issue:
    return call.hub.pull(call.repo, call.number("pull_number"))


def _head(hub: Hub, item: Issue) -> str:
    head = hub.head_repository(item)
    return f"{head.owner.login}:{item.pull.head_ref}" if head and item.pull else ""


def _stands_for(item: Issue, repo: Repository, branch: str, base: str) -> bool:
    side = item.pull
    return bool(
        side and item.state == "open" and (side.head_ref, side.base_ref, side.head_repository) == (branch, base, repo.id)
    )  # fmt: skip
