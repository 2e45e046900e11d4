"""People on issues and pull requests."""

from typing import Any

from tests.fakes.github import events, gitside
from tests.fakes.github.answers import pulls
from tests.fakes.github.people.desk import Desk, Where
from tests.fakes.github.state import Comment, Delivery, Issue, Repository, User


class OnItems(Desk):
    """Labels, comments, opening and closing."""

    def open_issue(
        self,
        title: str = "Please fix",
        body: str = "",
        *,
        by: str = "reporter",
        number: int | None = None,
        repo: Where = None,
        deliver: bool = True,
    ) -> Issue:
        """An issue, under the next number unless told."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            number = number or pulls.next_number(where)
            item = Issue(self.hub.id(), number, title, body, user, self.hub.now(), self.hub.now())
            where.items[number] = item
            payload = events.issues(self.hub, where, item, "opened", user)
        self.tell("issues", payload, deliver=deliver)
        return item

    def edit_issue(
        self, issue: int, *, title: str | None = None, body: str | None = None, by: str = "reporter", repo: Where = None
    ) -> None:
        """Change title or body, without a webhook: what the service reads must be what stands now."""
        item = self.hub.item(self.repo(repo), issue)
        item.title, item.body = title or item.title, item.body if body is None else body
        self.hub.history(item, "renamed", self.hub.user(by))

    def add_label(self, issue: int, name: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Put a label on an issue or pull request."""
        return self._label(issue, name, by, repo, deliver=deliver, add=True)

    def remove_label(self, issue: int, name: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Take a label off."""
        return self._label(issue, name, by, repo, deliver=deliver, add=False)

    def comment(self, issue: int, body: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Comment:
        """Comment on an issue or pull request."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item = self.hub.item(where, issue)
            comment = Comment(self.hub.id(), item.number, user, body, self.hub.now(), self.hub.now())
            where.comments[comment.id] = comment
            payload = events.issue_comment(self.hub, where, item, comment, "created", user)
        self.tell("issue_comment", payload, deliver=deliver)
        return comment

    def edit_comment(self, comment: int, body: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Change a comment."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            found = where.comments[comment]
            before, found.body, found.updated_at = found.body, body, self.hub.now()
            payload = events.issue_comment(self.hub, where, where.items[found.number], found, "edited", user, before)
        return self.tell("issue_comment", payload, deliver=deliver)

    def delete_comment(self, comment: int, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Delete a comment, the service's own too."""
        with self.hub.lock:
            where = self.repo(repo)
            found = where.comments.pop(comment)
            payload = events.issue_comment(self.hub, where, where.items[found.number], found, "deleted", self.hub.user(by))
        return self.tell("issue_comment", payload, deliver=deliver)

    def close(self, issue: int, *, by: str = "maintainer", merged: bool = False, repo: Where = None, deliver: bool = True) -> Delivery:
        """Close an issue or pull request; `merged` merges the pull request (fast-forward of its base)."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item = self.hub.item(where, issue)
            if merged and item.pull:
                gitside.git(where.path, "update-ref", f"refs/heads/{item.pull.base_ref}", f"refs/pull/{item.number}/head")
            pulls.close(self.hub, item, user, merged=merged)
            payload = self._item_payload(where, item, "closed", user)
        return self.tell("pull_request" if item.pull else "issues", payload, deliver=deliver)

    def reopen(self, issue: int, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Open it again."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item = self.hub.item(where, issue)
            item.state, item.closed_at = "open", None
            if item.pull:
                item.pull.frozen_sha = None
            self.hub.history(item, "reopened", user)
            payload = self._item_payload(where, item, "reopened", user)
        return self.tell("pull_request" if item.pull else "issues", payload, deliver=deliver)

    def lock(self, issue: int, *, repo: Where = None) -> None:
        """Lock the conversation: the App may not comment there any more."""
        self.hub.item(self.repo(repo), issue).locked = True

    def _label(self, issue: int, name: str, by: str, repo: Where, *, deliver: bool, add: bool) -> Delivery:
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item, label = self.hub.item(where, issue), self.hub.label(where, name)
            if add != (label in item.labels):
                item.labels.append(label) if add else item.labels.remove(label)
            action = "labeled" if add else "unlabeled"
            self.hub.history(item, action, user, label)
            if item.pull:
                shape = self.hub.shapes.label(where, label)
                payload = events.pull_request(self.hub, where, item, action, user, label=shape)
            else:
                payload = events.issues(self.hub, where, item, action, user, label)
        return self.tell("pull_request" if item.pull else "issues", payload, deliver=deliver)

    def _item_payload(self, where: Repository, item: Issue, action: str, user: User) -> dict[str, Any]:
        if item.pull:
            return events.pull_request(self.hub, where, item, action, user)
        return events.issues(self.hub, where, item, action, user)
