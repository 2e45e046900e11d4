"""Where a run is talked about on GitHub (`delivery.manager.Board`): reactions, the status comment, labels, check runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.manager import CheckText
from infra.github.answer import Declined
from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.evidence import Finding
from jobs.model import Repository
from jobs.text import cut

NAME = "slipway"
MOST_TEXT = 65_535
MOST_MESSAGE = 16_000
BATCH = 50
Annotation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GitHubBoard:
    """See `delivery.manager.Board`."""

    github: GitHub
    app: GitHubApp

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """Add a reaction; GitHub answers 200 instead of 201 when it is there already."""
        if comment is None:
            self.github.ask(Route.REACT_TO_ITEM, repository, {"content": content}, number=number)
        else:
            route = Route.REACT_BESIDE if beside else Route.REACT_TO_COMMENT
            self.github.ask(route, repository, {"content": content}, comment=comment)

    def find_comment(self, repository: Repository, number: int, marker: str, *, beside: bool = False) -> int | None:
        """The first comment of ours with the marker: anybody can write a marker, so the author's id counts."""
        me = self.app.bot(repository)
        rows = self.github.each(Route.PULL_COMMENTS if beside else Route.COMMENTS, repository, number=number)
        return next((int(row["id"]) for row in rows if author(row) == me and marker in (row["body"] or "")), None)

    def comment(self, repository: Repository, number: int, body: str, *, thread: int | None = None) -> int:
        """Post a comment, or an answer in a thread; returns its id. Raises Refused(`github_refused`) on a locked item."""
        said = {"body": cut(body, MOST_TEXT)}
        if thread is None:
            return int(self.github.ask(Route.COMMENT_ON, repository, said, number=number)["id"])
        return int(self.github.ask(Route.REPLY_BESIDE, repository, said, number=number, comment=thread)["id"])

    def edit_comment(self, repository: Repository, comment: int, body: str) -> bool:
        """Replace a comment's body; False when somebody deleted it."""
        try:
            self.github.ask(Route.EDIT_COMMENT, repository, {"body": cut(body, MOST_TEXT)}, comment=comment)
        except Declined as no:
            if no.status not in (404, 410):
                raise
            return False
        return True

    def set_labels(self, repository: Repository, number: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Add and remove labels; removing one that is not there is fine. GitHub's answer to adding names all there are."""
        there = set(remove)
        if add:
            rows = self.github.ask(Route.ADD_LABELS, repository, {"labels": list(add)}, number=number)
            there &= {str(row["name"]) for row in rows}
        for label in (label for label in remove if label in there):
            try:
                self.github.ask(Route.REMOVE_LABEL, repository, number=number, label=label)
            except Declined as no:
                if no.status != 404:
                    raise

    def find_check(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """The newest check run of ours on the commit with that `external_id`."""
        # filter=all: by default GitHub shows only the newest of several check runs with one name.
        parts = {"check_name": NAME, "app_id": self.app.id, "filter": "all"}
        rows = self.github.each(Route.OUR_CHECKS, repository, key="check_runs", sha=sha, **parts)
        return max((int(row["id"]) for row in rows if row["external_id"] == external_id), default=None)

    def start_check(self, repository: Repository, sha: str, external_id: str, url: str | None, text: CheckText) -> int:
        """Create the check run, in progress; annotations follow in batches."""
        data = {"name": NAME, "head_sha": sha, "external_id": external_id, "status": "in_progress", **_shown(text)}
        made = self.github.ask(Route.CREATE_CHECK, repository, {**data, **({"details_url": url} if url else {})})
        check = int(made["id"])
        if text.annotations:
            self.update_check(repository, check, text, conclusion=None)
        return check

    def update_check(self, repository: Repository, check: int, text: CheckText, *, conclusion: str | None) -> None:
        """Change it, the conclusion last: until then the check is in progress, and the same call again finishes it.

        Annotations that are there already are not sent again, for GitHub adds them up.
        """
        state = {"status": "completed", "conclusion": conclusion} if conclusion else {"status": "in_progress"}
        *batches, last = _batches(self._missing(repository, check, text.annotations))
        for batch in batches:
            self._patch(repository, check, {"status": "in_progress"}, text, batch)
        self._patch(repository, check, state, text, last)

    def _missing(self, repository: Repository, check: int, findings: Sequence[Finding]) -> list[Annotation]:
        """The annotations GitHub does not have yet, each once."""
        wanted = {_key(annotation): annotation for annotation in _annotations(findings)}
        if wanted:
            for row in self.github.each(Route.OUR_ANNOTATIONS, repository, check=check):
                wanted.pop(_key(row), None)
        return list(wanted.values())

    def _patch(self, repository: Repository, check: int, state: Mapping[str, object], text: CheckText, batch: Sequence[Annotation]) -> None:
        """One PATCH; once more without its annotations when GitHub does not take one of them: the conclusion counts."""
        plain = {**state, **_shown(text)}
        marked = {**plain, "output": {**plain["output"], "annotations": list(batch)}} if batch else plain
        try:
            self.github.ask(Route.UPDATE_CHECK, repository, marked, check=check)
        except Declined as no:
            if no.status != 422 or not batch:
                raise
            self.github.ask(Route.UPDATE_CHECK, repository, plain, check=check)


def _shown(text: CheckText) -> dict[str, Any]:
    output = {"title": cut(text.title, 255), "summary": cut(text.summary, MOST_TEXT) or "–"}
    if text.text:
        output["text"] = cut(text.text, MOST_TEXT)
    return {"output": output, **({"actions": [dict(action) for action in text.actions]} if text.actions else {})}


def _annotations(findings: Sequence[Finding]) -> Iterator[Annotation]:
    """Findings that have a place; the others are in the summary."""
    for finding in findings:
        if finding.path:
            line = max(1, finding.line or 1)
            yield {
                "path": finding.path,
                "start_line": line,
                "end_line": line,
                "annotation_level": finding.level if finding.level in ("notice", "warning", "failure") else "failure",
                "title": cut(finding.gate, 255),
                "message": cut(finding.message, MOST_MESSAGE) or finding.gate,
            }


def _batches(annotations: Sequence[Annotation]) -> list[Sequence[Annotation]]:
    """In lots GitHub takes at once; one empty lot when there is nothing."""
    return [annotations[start : start + BATCH] for start in range(0, len(annotations), BATCH)] or [()]


def _key(annotation: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(annotation[part] for part in ("path", "start_line", "annotation_level", "message"))


def author(row: Mapping[str, Any]) -> int:
    """The id of whoever wrote a comment; 0 for somebody who is gone."""
    return int((row["user"] or {"id": 0})["id"])
