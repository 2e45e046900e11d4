"""What may stand twice on GitHub, because a process slept between its last look at its lease and the send: one of them is kept."""

from dataclasses import dataclass

from infra.github.app import GitHubApp
from infra.github.board import NAME, author
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs import check_run
from jobs.model import Repository

SUPERSEDED = ":superseded"
"""What is added to the `external_id` of a check run that is not its run's any more."""


@dataclass(frozen=True, slots=True)
class GitHubStrays:
    """See `app.doubles.Strays`."""

    github: GitHub
    app: GitHubApp

    def comments(self, repository: Repository, number: int, marker: str) -> int | None:
        """Deletes what is younger than our first comment with the marker; the id of that one, None where there is none."""
        me = self.app.bot(repository)
        rows = self.github.each(Route.COMMENTS, repository, number=number)
        ours = sorted(int(row["id"]) for row in rows if author(row) == me and marker in (row["body"] or ""))
        for comment in ours[1:]:
            self.github.ask(Route.DELETE_COMMENT, repository, comment=comment)
        return ours[0] if ours else None

    def checks(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """Takes older check runs out of the run's name; the id of the newest, None where there is none.

        GitHub has no call that deletes a check run, and shows the newest of a name: the others are concluded and hidden behind it.
        """
        parts = {"check_name": NAME, "app_id": self.app.id, "filter": "all"}
        rows = self.github.each(Route.OUR_CHECKS, repository, key="check_runs", sha=sha, **parts)
        ours = sorted(int(row["id"]) for row in rows if row["external_id"] == external_id)
        title, summary = check_run.SUPERSEDED
        told = {"external_id": f"{external_id}{SUPERSEDED}", "status": "completed", "conclusion": "neutral", "actions": []}
        for check in ours[:-1]:
            self.github.ask(Route.UPDATE_CHECK, repository, {**told, "output": {"title": title, "summary": summary}}, check=check)
        return ours[-1] if ours else None
