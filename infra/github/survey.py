"""What webhooks should have told and perhaps did not: labels and comments read from GitHub, in the shape of their webhooks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.model import Repository


@dataclass(frozen=True, slots=True)
class Missed:
    """What stands at GitHub, as the webhook that told of it would have. `delivery` is the same whenever it is found again.

    `at` is when it came to be, by GitHub's clock.
    """

    event: str
    action: str
    delivery: str
    at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """How a webhook tells of a kind of comment: its event, what its id is marked with, where its item stands and how that is had."""

    event: str
    mark: str
    item: str
    one: Route


@dataclass(frozen=True, slots=True)
class GitHubSurvey:
    """Looks through one repository. What is found may long be known: the intent it leads to has the same key either way."""

    github: GitHub

    def labelled(self, repository: Repository, labels: Sequence[str]) -> Sequence[Missed]:
        """Every open issue that carries one of the labels now, with the event that put it on."""
        return [missed for label in labels for missed in self._labelled(repository, label)]

    def commented(self, repository: Repository, since: float) -> Sequence[Missed]:
        """Every comment written since then (seconds since the epoch), on items and beside lines of pull requests."""
        return [
            *self._commented(repository, since, Route.COMMENTS_SINCE, Told("issue_comment", "comment", "issue", Route.ISSUE)),
            *self._commented(
                repository, since, Route.BESIDE_SINCE, Told("pull_request_review_comment", "beside", "pull_request", Route.PULL)
            ),
        ]

    def _commented(self, repository: Repository, since: float, listed: Route, told: Told) -> Iterator[Missed]:
        rows = self.github.each(listed, repository, since=_stamp(since), sort="created", direction="asc")
        fresh = [row for row in rows if _made(row) >= since]
        items: dict[int, Any] = {}
        for number in dict.fromkeys(map(_number, fresh)):
            items[number] = self.github.ask(told.one, repository, number=number)
        for row in fresh:
            parts = {told.item: items[_number(row)], "comment": row, "sender": row["user"]}
            yield self._missed(repository, told.event, "created", f"{told.mark}-{row['id']}", row, parts)

    def _labelled(self, repository: Repository, label: str) -> Iterator[Missed]:
        for issue in self.github.each(Route.ISSUES, repository, state="open", labels=label):
            if "pull_request" in issue:
                continue
            put = self._put_on(repository, issue["number"], label)
            if put:
                parts = {"issue": issue, "label": put["label"], "sender": put["actor"]}
                yield self._missed(repository, "issues", "labeled", f"labeled-{put['id']}", put, parts)

    def _put_on(self, repository: Repository, number: int, label: str) -> Mapping[str, Any] | None:
        """The newest event that put the label on."""
        rows = self.github.each(Route.ISSUE_EVENTS, repository, number=number)
        mine = [row for row in rows if row["event"] == "labeled" and row["label"]["name"].lower() == label.lower()]
        return max(mine, key=lambda row: int(row["id"]), default=None)

    def _missed(
        self, repository: Repository, event: str, action: str, delivery: str, row: Mapping[str, Any], parts: Mapping[str, Any]
    ) -> Missed:
        common = {"repository": self.github.named(repository), "installation": {"id": repository.installation}}
        body = json.dumps({"action": action, **parts, **common}, separators=(",", ":")).encode()
        return Missed(event, action, delivery, _made(row), body)


def _number(comment: Mapping[str, Any]) -> int:
    """The item a comment is on: GitHub gives only its URL."""
    return int(str(comment.get("issue_url") or comment["pull_request_url"]).rpartition("/")[2])


def _made(row: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(row["created_at"]).timestamp()


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
