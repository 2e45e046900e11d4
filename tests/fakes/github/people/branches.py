"""People on branches."""

import subprocess
from collections.abc import Iterable

from tests.fakes.github import events, gitside, smart
from tests.fakes.github.answers import pulls
from tests.fakes.github.people.desk import Desk, Files, Where
from tests.fakes.github.shapes import head_sha
from tests.fakes.github.state import Delivery, Issue, Repository, Review, ReviewComment


class OnBranches(Desk):
    """Pushes, forks and pull requests."""

    def push(
        self,
        branch: str,
        files: Files,
        *,
        message: str = "A change",
        by: str = "maintainer",
        force: bool = False,
        removed: Iterable[str] = (),
        repo: Where = None,
        deliver: bool = True,
    ) -> str:
        """Commit to a branch (made from the default one when new); `force` replaces its last commit. Returns the sha."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            before = gitside.refs(where.path)
            parent = gitside.tip(where.path, branch) or gitside.tip(where.path, where.default_branch)
            if force:
                parent = _parent(where, parent)
            sha = gitside.commit(where.path, branch, files, message, parent=parent, removed=removed)
        smart.moved(self.hub, where, before, user, later=False, deliver=deliver)
        return sha

    def delete_branch(self, branch: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> None:
        """Delete a branch."""
        where = self.repo(repo)
        before = gitside.refs(where.path)
        gitside.git(where.path, "update-ref", "-d", f"refs/heads/{branch}")
        smart.moved(self.hub, where, before, self.hub.user(by), later=False, deliver=deliver)

    def fork(self, owner: str, *, repo: Where = None) -> Repository:
        """A fork in somebody's own account, where the App is not installed."""
        with self.hub.lock:
            source = self.repo(repo)
            number = 700_000_001 + len(self.hub.repositories)
            path = self.hub.root / f"{number}.git"
            gitside.git(self.hub.root, "clone", "--quiet", "--bare", str(source.path), str(path))
            fork = Repository(number, self.hub.user(owner), source.name, path, self.hub.now(), source.private, source.default_branch)
            self.hub.repositories[number] = fork
            return fork

    def open_pull(
        self,
        head: str,
        *,
        title: str = "A change",
        body: str = "",
        base: str | None = None,
        by: str = "maintainer",
        draft: bool = False,
        head_repo: Repository | None = None,
        repo: Where = None,
        deliver: bool = True,
    ) -> Issue:
        """A pull request of a person, from a branch of the repository or of a fork."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            source, base = head_repo or where, base or where.default_branch
            item = pulls.open_pull(
                self.hub, where, head_repository=source, head=head, base=base, title=title, body=body, draft=draft, user=user
            )
            payload = events.pull_request(self.hub, where, item, "opened", user)
        self.tell("pull_request", payload, deliver=deliver)
        return item

    def review(
        self,
        pull: Issue,
        body: str,
        *,
        path: str,
        line: int | None,
        answers: int | None = None,
        by: str = "maintainer",
        repo: Where = None,
        deliver: bool = True,
    ) -> ReviewComment:
        """Somebody comments beside a line (None is a line that was changed since), or answers there."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            sha = head_sha(pull, self.hub.head_repository(pull))
            made = ReviewComment(self.hub.id(), pull.number, user, body, path, line, sha, self.hub.now(), answers)
            where.review.append(made)
            payload = events.review_comment(self.hub, where, pull, made, "created", user)
        self.tell("pull_request_review_comment", payload, deliver=deliver)
        return made

    def edit_review(self, pull: Issue, comment: ReviewComment, body: str, *, by: str = "maintainer", repo: Where = None) -> Delivery:
        """Change a comment beside a line."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            comment.body = body
            payload = events.review_comment(self.hub, where, pull, comment, "edited", user)
        return self.tell("pull_request_review_comment", payload)

    def submit_review(
        self, pull: Issue, body: str, *, state: str = "commented", by: str = "maintainer", repo: Where = None, deliver: bool = True
    ) -> Delivery:
        """Somebody reviews the whole of it, perhaps with words."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            sha = head_sha(pull, self.hub.head_repository(pull))
            made = Review(self.hub.id(), pull.number, user, body, state, sha, self.hub.now())
            payload = events.review(self.hub, where, pull, made, "submitted", user)
        return self.tell("pull_request_review", payload, deliver=deliver)


def _parent(repo: Repository, sha: str | None) -> str | None:
    """The commit before; None for the first one."""
    try:
        return gitside.git(repo.path, "rev-parse", "--verify", "--quiet", f"{sha}^")
    except subprocess.CalledProcessError:
        return None
