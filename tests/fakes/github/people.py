"""What people do on GitHub. Each changes the state and sends the webhook; `deliver=False` leaves it unsent in the list."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.fakes.github import events, gitside, smart
from tests.fakes.github.answers import pulls
from tests.fakes.github.hub import Hub, add_repository
from tests.fakes.github.state import (
    App,
    CheckRun,
    Comment,
    CommitStatus,
    Delivery,
    Installation,
    Issue,
    Milestone,
    Repository,
    SignIn,
    User,
    Workflow,
)

Files = Mapping[str, str | bytes]
ALWAYS = ("installation", "installation_repositories", "ping")
CI = App(99, "github-actions", User(98, "ci-owner"), User(97, "ci[bot]", "Bot"), "", 0, {"checks": "write"}, (), 0.0)


class People:
    """The people of the fake. `repo` is a repository or its name; without it, the first one."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    # repositories and rights

    def add_repository(
        self, full_name: str = "acme/widgets", *, files: Files | None = None, private: bool = True, default_branch: str = "main"
    ) -> Repository:
        """A repository with one commit, the App installed on it, and a collaborator `maintainer`."""
        with self.hub.lock:
            content = dict(files) if files else {"README.md": "# Widgets\n"}
            repo = add_repository(self.hub, full_name, files=content, private=private, branch=default_branch)
            self.collaborator("maintainer", "maintain", repo=repo)
            return repo

    def repo(self, repo: Repository | str | None = None) -> Repository:
        """The repository meant. Raises KeyError."""
        if isinstance(repo, Repository):
            return repo
        if repo is None:
            return next(iter(self.hub.repositories.values()))
        found = self.hub.named(repo)
        if found is None:
            raise KeyError(repo)
        return found

    def collaborator(self, login: str, role: str, *, repo: Repository | str | None = None) -> User:
        """Give somebody a role: none, read, triage, write, maintain or admin."""
        user = self.hub.user(login)
        self.repo(repo).collaborators[user.id] = role
        return user

    def milestone(self, title: str, *, repo: Repository | str | None = None) -> Milestone:
        """A milestone."""
        where = self.repo(repo)
        number = len(where.milestones) + 1
        where.milestones[number] = Milestone(self.hub.id(), number, title, where.owner, self.hub.now())
        return where.milestones[number]

    def protect(self, branch: str, *, repo: Repository | str | None = None) -> None:
        """Let nobody push to the branch."""
        with (self.repo(repo).path / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")

    # issues and comments

    def open_issue(
        self,
        title: str = "Please fix",
        body: str = "",
        *,
        by: str = "reporter",
        number: int | None = None,
        repo: Repository | str | None = None,
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
        self, issue: int, *, title: str | None = None, body: str | None = None, by: str = "reporter", repo: Repository | str | None = None
    ) -> None:
        """Change title or body, without a webhook: what the service reads must be what stands now."""
        item = self.hub.item(self.repo(repo), issue)
        item.title, item.body = title or item.title, item.body if body is None else body
        self.hub.history(item, "renamed", self.hub.user(by))

    def add_label(
        self, issue: int, name: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Put a label on an issue or pull request."""
        return self._label(issue, name, by, repo, deliver=deliver, add=True)

    def remove_label(
        self, issue: int, name: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Take a label off."""
        return self._label(issue, name, by, repo, deliver=deliver, add=False)

    def comment(
        self, issue: int, body: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Comment:
        """Comment on an issue or pull request."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item = self.hub.item(where, issue)
            comment = Comment(self.hub.id(), item.number, user, body, self.hub.now(), self.hub.now())
            where.comments[comment.id] = comment
            payload = events.issue_comment(self.hub, where, item, comment, "created", user)
        self.tell("issue_comment", payload, deliver=deliver)
        return comment

    def edit_comment(
        self, comment: int, body: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Change a comment."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            found = where.comments[comment]
            before, found.body, found.updated_at = found.body, body, self.hub.now()
            payload = events.issue_comment(self.hub, where, where.items[found.number], found, "edited", user, before)
        return self.tell("issue_comment", payload, deliver=deliver)

    def delete_comment(
        self, comment: int, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Delete a comment, the service's own too."""
        with self.hub.lock:
            where = self.repo(repo)
            found = where.comments.pop(comment)
            payload = events.issue_comment(self.hub, where, where.items[found.number], found, "deleted", self.hub.user(by))
        return self.tell("issue_comment", payload, deliver=deliver)

    def close(
        self, issue: int, *, by: str = "maintainer", merged: bool = False, repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Close an issue or pull request; `merged` merges the pull request (fast-forward of its base)."""
        with self.hub.lock:
            where, user = self.repo(repo), self.hub.user(by)
            item = self.hub.item(where, issue)
            if merged and item.pull:
                gitside.git(where.path, "update-ref", f"refs/heads/{item.pull.base_ref}", f"refs/pull/{item.number}/head")
            pulls.close(self.hub, item, user, merged=merged)
            payload = self._item_payload(where, item, "closed", user)
        return self.tell("pull_request" if item.pull else "issues", payload, deliver=deliver)

    def reopen(self, issue: int, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
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

    def lock(self, issue: int, *, repo: Repository | str | None = None) -> None:
        """Lock the conversation: the App may not comment there any more."""
        self.hub.item(self.repo(repo), issue).locked = True

    # branches and pull requests

    def push(
        self,
        branch: str,
        files: Files,
        *,
        message: str = "A change",
        by: str = "maintainer",
        force: bool = False,
        removed: Iterable[str] = (),
        repo: Repository | str | None = None,
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

    def delete_branch(self, branch: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> None:
        """Delete a branch."""
        where = self.repo(repo)
        before = gitside.refs(where.path)
        gitside.git(where.path, "update-ref", "-d", f"refs/heads/{branch}")
        smart.moved(self.hub, where, before, self.hub.user(by), later=False, deliver=deliver)

    def fork(self, owner: str, *, repo: Repository | str | None = None) -> Repository:
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
        repo: Repository | str | None = None,
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

    # checks

    def rerequest(self, check: int, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Press "Re-run" on a check run. GitHub changes nothing by itself."""
        where = self.repo(repo)
        payload = events.check_run(self.hub, where, where.checks[check], "rerequested", self.hub.user(by))
        return self.tell("check_run", payload, deliver=deliver)

    def rerequest_suite(self, sha: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Press "Re-run all checks"."""
        where = self.repo(repo)
        checks = [check for check in where.checks.values() if check.head_sha == sha and check.app.id == self.hub.app.id]
        suite = where.suites[self.hub.app.id, sha]
        payload = events.check_suite(self.hub, where, suite, sha, checks, "rerequested", self.hub.user(by))
        return self.tell("check_suite", payload, deliver=deliver)

    def press(
        self, check: int, button: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True
    ) -> Delivery:
        """Press one of the check run's own buttons. Raises KeyError when it has no such button."""
        where = self.repo(repo)
        found = where.checks[check]
        if button not in {action["identifier"] for action in found.actions}:
            raise KeyError(button)
        payload = events.check_run(self.hub, where, found, "requested_action", self.hub.user(by), button)
        return self.tell("check_run", payload, deliver=deliver)

    def ci(
        self,
        sha: str,
        conclusion: str | None = "success",
        *,
        name: str = "ci",
        summary: str = "",
        annotations: Sequence[dict[str, Any]] = (),
        repo: Repository | str | None = None,
        deliver: bool = True,
    ) -> CheckRun:
        """Another app's check run on a commit (again: the same one changes); a conclusion completes it and its suite."""
        with self.hub.lock:
            where = self.repo(repo)
            suite = where.suites.setdefault((CI.id, sha), self.hub.id())
            check = next((c for c in where.checks.values() if (c.app.id, c.name, c.head_sha) == (CI.id, name, sha)), None)
            check = check or CheckRun(self.hub.id(), suite, CI, name, sha, "in_progress", started_at=self.hub.now())
            where.checks[check.id] = check
            check.title, check.summary, check.annotations = name, summary or None, [*annotations]
            check.status, check.conclusion = ("completed", conclusion) if conclusion else ("in_progress", None)
            check.completed_at = self.hub.now() if conclusion else None
            mine = [c for c in where.checks.values() if c.suite == suite]
            action = "completed" if conclusion else "created"
            run = events.check_run(self.hub, where, check, action, CI.bot)
            whole = events.check_suite(self.hub, where, suite, sha, mine, "completed", CI.bot)
        self.tell("check_run", run, deliver=deliver)
        if all(c.status == "completed" for c in mine):
            self.tell("check_suite", whole, deliver=deliver)
        return check

    def job_log(self, check: int, text: str) -> None:
        """Keep a log for a job of GitHub Actions, which has the number of its check run."""
        self.hub.logs[check] = text

    def status(
        self, sha: str, state: str, *, context: str = "ci/old", repo: Repository | str | None = None, deliver: bool = True
    ) -> CommitStatus:
        """A commit status of the older kind."""
        with self.hub.lock:
            where = self.repo(repo)
            status = CommitStatus(self.hub.id(), sha, state, context, CI.bot, None, None, self.hub.now())
            where.statuses.append(status)
            payload = events.status(self.hub, where, status)
        self.tell("status", payload, deliver=deliver)
        return status

    def workflow(
        self, sha: str, conclusion: str | None, *, name: str = "CI", branch: str = "main", repo: Repository | str | None = None
    ) -> Delivery:
        """Tell of a workflow run; its jobs' check runs are `ci`'s part."""
        where = self.repo(repo)
        run = Workflow(self.hub.id(), name, sha, branch, conclusion, self.hub.now())
        return self.tell("workflow_run", events.workflow_run(self.hub, where, run, CI.bot))

    # what owners do

    def rename(self, new_name: str, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Rename the repository (`name`) or transfer it (`owner/name`); the old name redirects."""
        where = self.repo(repo)
        before = where.full_name
        self.hub.old_names[before.lower()] = where.id
        owner, _, name = new_name.rpartition("/")
        if owner:
            where.owner = self.hub.user(owner)
        where.name = name
        action = "transferred" if owner else "renamed"
        changes = {"repository": {"name": {"from": before.partition("/")[2]}}} if action == "renamed" else {"owner": {"from": {}}}
        return self.tell("repository", events.repository(self.hub, where, action, self.hub.user(by), changes), deliver=deliver)

    def archive(self, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Archive the repository: every write is refused."""
        where = self.repo(repo)
        where.archived = True
        return self.tell("repository", events.repository(self.hub, where, "archived", self.hub.user(by)), deliver=deliver)

    def delete_repository(self, *, by: str = "maintainer", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Delete the repository."""
        where = self.repo(repo)
        payload = events.repository(self.hub, where, "deleted", self.hub.user(by))
        where.deleted = True
        return self.tell("repository", payload, deliver=deliver)

    def installation(self, repo: Repository | str | None = None) -> Installation:
        """The installation that reaches the repository. Raises KeyError."""
        found = self.hub.installation_of(self.repo(repo))
        if found is None:
            raise KeyError("no installation reaches the repository")
        return found

    def suspend(self, *, by: str = "owner", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Suspend the installation: no API, no webhooks but this one."""
        return self._installed("suspend", by, repo, deliver=deliver, suspended=True)

    def unsuspend(self, *, by: str = "owner", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """End the suspension."""
        return self._installed("unsuspend", by, repo, deliver=deliver, suspended=False)

    def uninstall(self, *, by: str = "owner", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Remove the App from the account; its tokens end."""
        return self._installed("deleted", by, repo, deliver=deliver, removed=True)

    def deselect(self, *, by: str = "owner", repo: Repository | str | None = None, deliver: bool = True) -> Delivery:
        """Take the repository out of the installation's selection."""
        where = self.repo(repo)
        which = self.installation(where)
        which.repositories.discard(where.id)
        payload = events.installation_repositories(self.hub, which, where, "removed", self.hub.user(by))
        return self.tell("installation_repositories", payload, deliver=deliver)

    # sign-in and registration

    def sign_in(self, login: str, challenge: str) -> str:
        """Go through the sign-in page; the code the browser brings back."""
        code = f"code-{self.hub.id()}"
        self.hub.sign_ins[code] = SignIn(self.hub.user(login), challenge)
        return code

    def submit_manifest(self) -> str:
        """Register the App from its manifest; the code the browser brings back."""
        code = f"manifest-{self.hub.id()}"
        self.hub.manifests.add(code)
        return code

    # webhooks

    def tell(self, event: str, payload: dict[str, Any], *, deliver: bool = True) -> Delivery:
        """Record and send a webhook now; one the App did not subscribe to is made but neither listed nor sent."""
        hub = self.hub
        delivery = hub.hooks.record(hub.id(), event, payload, hub.now())
        if event not in (*hub.app.events, *ALWAYS):
            hub.hooks.deliveries.remove(delivery)
            return delivery
        return hub.hooks.send(delivery) if deliver else delivery

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Press "Redeliver": same guid, same body."""
        return self.hub.hooks.send(self.hub.hooks.again(self.hub.id(), delivery, self.hub.now()))

    def _label(self, issue: int, name: str, by: str, repo: Repository | str | None, *, deliver: bool, add: bool) -> Delivery:
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

    def _installed(
        self, action: str, by: str, repo: Repository | str | None, *, deliver: bool, suspended: bool = False, removed: bool = False
    ) -> Delivery:
        which = self.installation(repo)
        which.suspended, which.removed = suspended, removed
        payload = events.installation(self.hub, which, action, self.hub.user(by))
        return self.tell("installation", payload, deliver=deliver)


def _parent(repo: Repository, sha: str | None) -> str | None:
    """The commit before; None for the first one."""
    try:
        return gitside.git(repo.path, "rev-parse", "--verify", "--quiet", f"{sha}^")
    except subprocess.CalledProcessError:
        return None
