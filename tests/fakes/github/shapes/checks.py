"""Check runs and suites, commit statuses, workflow runs."""

from tests.fakes.github import gitside
from tests.fakes.github.shapes.apps import AppShapes
from tests.fakes.github.shapes.common import Json, node, stamp
from tests.fakes.github.state import App, CheckRun, CommitStatus, Repository, User, Workflow


class CheckShapes(AppShapes):
    """Renders them."""

    def check(self, repo: Repository, check: CheckRun) -> Json:
        """A check run."""
        url = f"{self.api}/repos/{repo.full_name}/check-runs/{check.id}"
        return {
            "id": check.id,
            "node_id": node("CheckRun", check.id),
            "head_sha": check.head_sha,
            "external_id": check.external_id,
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/runs/{check.id}",
            "details_url": check.details_url or f"{self.web}/apps/{check.app.slug}",
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": stamp(check.started_at),
            "completed_at": stamp(check.completed_at),
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": len(check.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "name": check.name,
            "check_suite": {"id": check.suite},
            "app": self.app(check.app),
            "pull_requests": [],
        }

    def annotation(self, repo: Repository, check: CheckRun, given: Json) -> Json:
        """An annotation of a check run."""
        blank = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
        href = f"{self.web}/{repo.full_name}/blob/{check.head_sha}/{given['path']}"
        return blank | given | {"blob_href": href}

    def suite(self, repo: Repository, suite: int, sha: str, checks: list[CheckRun], app: App) -> Json:
        """A check suite: an app's check runs on a commit, taken together."""
        done = all(check.status == "completed" for check in checks)
        bad = [check.conclusion for check in checks if check.conclusion not in ("success", "neutral", "skipped")]
        at = stamp(repo.created_at)
        return {
            "id": suite,
            "node_id": node("CheckSuite", suite),
            "head_branch": next(
                (ref[11:] for ref, at in gitside.refs(repo.path).items() if at == sha and ref.startswith("refs/heads/")), None
            ),
            "head_sha": sha,
            "status": "completed" if done else "in_progress",
            "conclusion": (bad[0] if bad else "success") if done else None,
            "url": f"{self.api}/repos/{repo.full_name}/check-suites/{suite}",
            "before": None,
            "after": sha,
            "pull_requests": [],
            "app": self.app(app),
            "repository": self.repository(repo),
            "created_at": at,
            "updated_at": at,
            "head_commit": {
                "id": sha,
                "tree_id": sha,
                "message": "A commit",
                "timestamp": at,
                "author": {"name": "A Person", "email": "person@example.invalid"},
                "committer": {"name": "A Person", "email": "person@example.invalid"},
            },
            "latest_check_runs_count": len(checks),
            "check_runs_url": f"{self.api}/repos/{repo.full_name}/check-suites/{suite}/check-runs",
        }

    def status(self, repo: Repository, status: CommitStatus) -> Json:
        """A status of a commit."""
        return {
            "url": f"{self.api}/repos/{repo.full_name}/statuses/{status.sha}",
            "avatar_url": f"{self.web}/avatars/{status.creator.id}",
            "id": status.id,
            "node_id": node("Status", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
        }

    def workflow(self, repo: Repository, run: Workflow, actor: User) -> Json:
        """A workflow run, as its event tells of it."""
        url, at = f"{self.api}/repos/{repo.full_name}/actions/runs/{run.id}", stamp(run.created_at)
        rest = ("jobs", "logs", "artifacts", "cancel", "rerun")
        commit = {"id": run.head_sha, "tree_id": run.head_sha, "message": "A commit", "timestamp": at}
        person = {"name": "A Person", "email": "person@example.invalid"}
        return {
            "id": run.id,
            "node_id": node("WorkflowRun", run.id),
            "name": run.name,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
            "path": ".github/workflows/ci.yml",
            "display_title": run.name,
            "run_number": 1,
            "run_attempt": 1,
            "event": "push",
            "status": "completed" if run.conclusion else "in_progress",
            "conclusion": run.conclusion,
            "workflow_id": 1,
            "check_suite_id": 1,
            "check_suite_node_id": node("CheckSuite", 1),
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/actions/runs/{run.id}",
            **{f"{part}_url": f"{url}/{part}" for part in rest},
            "check_suite_url": f"{self.api}/repos/{repo.full_name}/check-suites/1",
            "workflow_url": f"{self.api}/repos/{repo.full_name}/actions/workflows/1",
            "previous_attempt_url": None,
            "pull_requests": [],
            "referenced_workflows": [],
            "actor": self.user(actor),
            "triggering_actor": self.user(actor),
            "head_commit": commit | {"author": person, "committer": person},
            "repository": self.repository(repo),
            "head_repository": self.repository(repo),
            **dict.fromkeys(("run_started_at", "created_at", "updated_at"), at),
        }
