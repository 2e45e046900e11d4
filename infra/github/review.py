"""What stands on a pull request when a run is asked for there: what people wrote beside its lines, and what failed on its head."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.github.app import GitHubApp
from infra.github.ci import FAILED, GitHubCi
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.evidence import Finding
from jobs.model import ItemKind, RunRequest
from jobs.text import cut

MOST = 60
MOST_MESSAGE = 4_000


@dataclass(frozen=True, slots=True)
class GitHubReview:
    """Reads it once, at the authorised head, so that every iteration is told the same."""

    github: GitHub
    app: GitHubApp
    ci: GitHubCi

    def remarks(self, request: RunRequest) -> tuple[Finding, ...]:
        """The newest of both, with path and line where there are any; nothing for a run on no pull request's head. Raises Fault."""
        number, sha = request.source.number, request.head_sha
        if request.source.item is not ItemKind.PULL or number is None or sha is None:
            return ()
        found = [*self._said(request, number), *self._failing(request, sha)]
        return tuple(replace(one, message=cut(one.message, MOST_MESSAGE)) for one in found)[:MOST]

    def _said(self, request: RunRequest, number: int) -> Sequence[Finding]:
        """Comments beside lines that are still there: GitHub gives one on a line that was changed since no line any more."""
        me = self.app.bot(request.repository)
        rows = self.github.each(Route.PULL_COMMENTS, request.repository, number=number, sort="created", direction="asc")
        return [_remark(row) for row in rows if row.get("line") and (row["user"] or {}).get("id") != me][-MOST:]

    def _failing(self, request: RunRequest, sha: str) -> Iterator[Finding]:
        for check in self.ci.checks(request.repository, sha):
            if check.state == FAILED:
                for finding in self.ci.findings(request.repository, check):
                    yield replace(finding, gate=f"CI: {finding.gate}")


def _remark(row: Mapping[str, Any]) -> Finding:
    who = (row["user"] or {"login": "an account that is gone"})["login"]
    return Finding(f"review by {who}", row["body"] or "", row["path"], int(row["line"]), "notice")
