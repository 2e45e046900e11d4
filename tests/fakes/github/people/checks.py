"""People, and other apps, on checks."""

from collections.abc import Sequence
from typing import Any

from tests.fakes.github import events
from tests.fakes.github.people.desk import Desk, Where
from tests.fakes.github.state import App, CheckRun, CommitStatus, Delivery, User, Workflow

CI = App(99, "github-actions", User(98, "ci-owner"), User(97, "ci[bot]", "Bot"), "", 0, {"checks": "write"}, (), 0.0)


class OnChecks(Desk):
    """Buttons of our check runs, and what the CI says."""

    def rerequest(self, check: int, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Press "Re-run" on a check run. GitHub changes nothing by itself."""
        where = self.repo(repo)
        payload = events.check_run(self.hub, where, where.checks[check], "rerequested", self.hub.user(by))
        return self.tell("check_run", payload, deliver=deliver)

    def rerequest_suite(self, sha: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
        """Press "Re-run all checks"."""
        where = self.repo(repo)
        checks = [check for check in where.checks.values() if check.head_sha == sha and check.app.id == self.hub.app.id]
        suite = where.suites[self.hub.app.id, sha]
        payload = events.check_suite(self.hub, where, suite, sha, checks, "rerequested", self.hub.user(by))
        return self.tell("check_suite", payload, deliver=deliver)

    def press(self, check: int, button: str, *, by: str = "maintainer", repo: Where = None, deliver: bool = True) -> Delivery:
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
        repo: Where = None,
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

    def status(self, sha: str, state: str, *, context: str = "ci/old", repo: Where = None, deliver: bool = True) -> CommitStatus:
        """A commit status of the older kind."""
        with self.hub.lock:
            where = self.repo(repo)
            status = CommitStatus(self.hub.id(), sha, state, context, CI.bot, None, None, self.hub.now())
            where.statuses.append(status)
            payload = events.status(self.hub, where, status)
        self.tell("status", payload, deliver=deliver)
        return status

    def workflow(self, sha: str, conclusion: str | None, *, name: str = "CI", branch: str = "main", repo: Where = None) -> Delivery:
        """Tell of a workflow run; its jobs' check runs are `ci`'s part."""
        where = self.repo(repo)
        run = Workflow(self.hub.id(), name, sha, branch, conclusion, self.hub.now())
        return self.tell("workflow_run", events.workflow_run(self.hub, where, run, CI.bot))
