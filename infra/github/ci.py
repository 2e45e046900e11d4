"""What the repository's own CI says of a commit: check runs of other apps, and commit statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.evidence import Finding
from jobs.model import Repository
from jobs.text import cut

ACTIONS = "github-actions"
MOST_LOG = 16_000
PENDING, PASSED, FAILED = "pending", "passed", "failed"
OUTCOMES: Mapping[str, str] = {
    # conclusions of check runs
    "success": PASSED,
    "neutral": PASSED,
    "skipped": PASSED,
    "failure": FAILED,
    "timed_out": FAILED,
    "cancelled": FAILED,
    "action_required": FAILED,
    "startup_failure": FAILED,
    "stale": FAILED,
    # states of commit statuses
    "error": FAILED,
    "pending": PENDING,
}


@dataclass(frozen=True, slots=True)
class CiCheck:
    """One check of a commit. `state` is pending, passed or failed; `run` is a check run's id, None for a commit status."""

    name: str
    state: str
    summary: str = ""
    url: str = ""
    run: int | None = None
    job: bool = False


@dataclass(frozen=True, slots=True)
class GitHubCi:
    """Reads the checks that are not ours."""

    github: GitHub
    app: GitHubApp

    def checks(self, repository: Repository, sha: str) -> Sequence[CiCheck]:
        """Every check of the commit, the newest of each name. None at all is no verdict: there may be no CI, or none yet."""
        runs = self.github.each(Route.CHECK_RUNS, repository, key="check_runs", sha=sha, filter="latest")
        others = [_check(row) for row in runs if str((row["app"] or {}).get("id")) != self.app.id]
        statuses = self.github.ask(Route.COMMIT_STATUS, repository, sha=sha, per_page=100)["statuses"]
        return [*others, *map(_status, statuses)]

    def findings(self, repository: Repository, check: CiCheck) -> Sequence[Finding]:
        """What a failed check complains about: its annotations, else its summary; a job of GitHub Actions with the end of its log."""
        found = [Finding(check.name, f"{check.name} failed. {check.summary}".strip())]
        if check.run is None:
            return found
        rows = self.github.each(Route.ANNOTATIONS, repository, check=check.run)
        marked = [
            Finding(check.name, row["message"] or "", row["path"], row["start_line"], row["annotation_level"] or "failure") for row in rows
        ]
        log = self.github.text(Route.JOB_LOG, repository, job=check.run) if check.job else None
        tail = [Finding(check.name, f"The end of its log:\n{log[-MOST_LOG:]}")] if log else []
        return [*(marked or found), *tail]


def _check(row: Mapping[str, Any]) -> CiCheck:
    output = row["output"]
    said = " – ".join(part for part in (output["title"], output["summary"]) if part)
    state = OUTCOMES.get(row["conclusion"] or "pending", FAILED)
    return CiCheck(row["name"], state, cut(said, 2_000), row["html_url"] or "", int(row["id"]), (row["app"] or {}).get("slug") == ACTIONS)


def _status(row: Mapping[str, Any]) -> CiCheck:
    return CiCheck(row["context"], OUTCOMES.get(row["state"], FAILED), cut(row["description"] or "", 2_000), row["target_url"] or "")
