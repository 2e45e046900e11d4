"""Pull requests on GitHub (`delivery.manager.Pulls`). One POST is sent once; looking before a second one is the caller's part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.manager import Exists, Pull
from infra.github.answer import Declined
from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.errors import Refused
from jobs.model import Repository
from jobs.ports import Clock
from jobs.text import cut

MOST_BODY = 65_535
MOST_TITLE = 256
LAG_S = (1.0, 3.0)
"""Waits before a branch pushed just now is believed not to be there."""


@dataclass(frozen=True, slots=True)
class GitHubPulls:
    """See `delivery.manager.Pulls`."""

    github: GitHub
    app: GitHubApp
    clock: Clock

    def own_id(self, repository: Repository) -> int | None:
        """The user id of the App's bot."""
        return self.app.bot(repository)

    def find(self, repository: Repository, branch: str) -> Sequence[Pull]:
        """Pull requests with that head branch in the repository itself, in any state, newest first."""
        owner = str(self.github.named(repository)["full_name"]).partition("/")[0]
        rows = self.github.each(Route.PULLS, repository, head=f"{owner}:{branch}", state="all", sort="created", direction="desc")
        pulls = [_pull(row, repository.id) for row in rows]
        return [pull for pull in pulls if pull.head_ref == branch and pull.head_repository == repository.id]

    def get(self, repository: Repository, number: int) -> Pull:
        """One pull request."""
        return _pull(self.github.ask(Route.PULL, repository, number=number))

    def create(self, repository: Repository, *, branch: str, base: str, title: str, body: str, draft: bool) -> Pull:
        """Open one. Raises Exists, Refused(`pull_refused`), or Fault when it is not known whether it was opened."""
        data = {"title": cut(title, MOST_TITLE), "body": cut(body, MOST_BODY), "head": branch, "base": base, "draft": draft}
        for wait in LAG_S:
            try:
                return self._opened(repository, data)
            except Declined as no:
                data = self._next_try(no, data, wait)
        try:
            return self._opened(repository, data)
        except Declined as no:
            raise _refused(no) from no

    def update(self, repository: Repository, number: int, *, body: str, title: str | None = None) -> None:
        """Change the body, and the title where one is given."""
        named = {} if title is None else {"title": cut(title, MOST_TITLE)}
        self.github.ask(Route.UPDATE_PULL, repository, {**named, "body": cut(body, MOST_BODY)}, number=number)

    def label(self, repository: Repository, number: int, labels: Sequence[str]) -> None:
        """Add labels."""
        if labels:
            self.github.ask(Route.ADD_LABELS, repository, {"labels": list(labels)}, number=number)

    def assign(
        self, repository: Repository, number: int, *, reviewers: Sequence[str], assignees: Sequence[str], milestone: int | None
    ) -> Sequence[str]:
        """Ask for reviews and set assignees and milestone; a warning for each that GitHub refused."""
        warnings = [*self._review(repository, number, reviewers), *self._assigned(repository, number, assignees)]
        if milestone is not None:
            try:
                self.github.ask(Route.SET_MILESTONE, repository, {"milestone": milestone}, number=number)
            except Declined as no:
                warnings.append(f"GitHub did not set milestone {milestone}: {no.said}")
        return warnings

    def _opened(self, repository: Repository, data: Mapping[str, object]) -> Pull:
        return _pull(self.github.ask(Route.CREATE_PULL, repository, data), repository.id)

    def _next_try(self, no: Declined, data: dict[str, object], wait: float) -> dict[str, object]:
        """What to send after a refusal that opened nothing; raises when there is nothing else to try."""
        if no.status != 422:
            raise _refused(no) from no
        if "already exists" in no.said:
            raise Exists(no.said) from no
        if data["draft"] and "draft" in no.said.lower():  # not part of every plan
            return {**data, "draft": False}
        if "head invalid" not in no.said:
            raise _refused(no) from no
        self.clock.sleep(wait)  # a branch pushed just now is not on every replica yet
        return data

    def _review(self, repository: Repository, number: int, reviewers: Sequence[str]) -> Iterator[str]:
        """All at once; one by one when GitHub refuses somebody, for it then asks nobody."""
        try:
            if reviewers:
                self.github.ask(Route.REQUEST_REVIEWERS, repository, {"reviewers": list(reviewers)}, number=number)
        except Declined as no:
            if len(reviewers) == 1:
                yield f"GitHub did not ask {reviewers[0]} for a review: {no.said}"
                return
            for reviewer in reviewers:
                yield from self._review(repository, number, [reviewer])

    def _assigned(self, repository: Repository, number: int, assignees: Sequence[str]) -> Iterator[str]:
        """GitHub leaves out silently whom it cannot assign."""
        if not assignees:
            return
        try:
            answer = self.github.ask(Route.ASSIGN, repository, {"assignees": list(assignees)}, number=number)
        except Declined as no:
            yield f"GitHub did not set the assignees: {no.said}"
            return
        there = {user["login"].lower() for user in answer["assignees"]}
        yield from (f"GitHub did not assign {login}: no access to the repository." for login in assignees if login.lower() not in there)


def _refused(no: Declined) -> Exception:
    """A refusal to open a pull request, with GitHub's words."""
    if "already exists" in no.said:
        return Exists(no.said)
    said = no.said or f"status {no.status}"
    return Refused("pull_refused", f"GitHub did not open the pull request: {said}. Change what it names, then retry.", evidence=said)


def _pull(row: Mapping[str, Any], home: int = 0) -> Pull:
    """A row of GitHub's. `home` is the repository its head must be in where the row does not say; null says a deleted fork."""
    source = row["head"].get("repo", {"id": home})
    return Pull(
        number=row["number"],
        url=row["html_url"],
        head_sha=row["head"]["sha"],
        head_ref=row["head"]["ref"],
        head_repository=source["id"] if source else 0,
        author=(row["user"] or {"id": 0})["id"],
        open=row["state"] == "open",
        merged=row.get("merged_at") is not None,
        draft=bool(row.get("draft")),
        body=row["body"] or "",
    )
