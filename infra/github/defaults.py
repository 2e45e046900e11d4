"""The defaults of an organisation: `.github/slipway.yml` in its repository `.github`, for all of its repositories."""

import json
from dataclasses import dataclass

from infra.github.answer import Declined
from infra.github.app import Kept
from infra.github.client import GitHub
from infra.github.content import text_of
from infra.github.routes import Route
from jobs.config import PATH
from jobs.errors import Refused
from jobs.model import Repository
from jobs.ports import Clock

HOME = ".github"
BELIEVED_S = 300.0


@dataclass(frozen=True, slots=True)
class GitHubDefaults:
    """What is found is believed for five minutes by every process: it costs two calls and seldom changes."""

    github: GitHub
    kept: Kept
    clock: Clock

    def text(self, repository: Repository) -> str | None:
        """The file of the repository's owner; None when there is none, or the App is not installed on that repository.

        Raises Refused(`config_invalid`) when it is not a file one can read, Fault without an answer.
        """
        owner = repository.full_name.partition("/")[0]
        key = f"defaults {repository.installation} {owner.lower()}"[:64]
        known = json.loads(self.kept.get(key) or "{}")
        if self.clock.now() < known.get("until", 0.0):
            return str(known["text"]) if known["text"] is not None else None
        text = self._asked(repository, owner)
        self.kept.put(key, json.dumps({"until": self.clock.now() + BELIEVED_S, "text": text}))
        return text

    def _asked(self, repository: Repository, owner: str) -> str | None:
        try:
            found = self.github.ask_beside(Route.CONTENT, repository, HOME, owner=owner, repo=HOME, path=PATH)
        except Declined as no:
            if no.status != 404:
                raise
            return None
        except Refused as refused:
            if refused.reason.code != "repository_gone":
                raise
            return None  # no such repository, or it is not among those the App was installed on
        return text_of(found, f"{PATH} of {owner}/{HOME}")
