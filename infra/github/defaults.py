"""The defaults of an organisation: `.github/slipway.yml` in its repository `.github`, for all of its repositories."""

import json
from dataclasses import dataclass

import structlog

from infra.github.answer import Declined
from infra.github.app import Kept
from infra.github.client import GitHub
from infra.github.content import text_of
from infra.github.routes import Route
from jobs.config import HOME, PATH
from jobs.errors import Refused
from jobs.model import Repository
from jobs.ports import Clock

log = structlog.get_logger("slipway.github")
BELIEVED_S = 300.0
NONE_BELIEVED_S = 6 * 3600.0
"""That there is nothing is found out by a refusal, and most owners have nothing; whoever makes something is heard (`forget`)."""


@dataclass(frozen=True, slots=True)
class GitHubDefaults:
    """What is found is believed for five minutes by every process, and that there is nothing for hours: either costs two calls."""

    github: GitHub
    kept: Kept
    clock: Clock

    def text(self, repository: Repository) -> str | None:
        """The file of the repository's owner; None when there is none, or the App is not installed on that repository.

        Raises Refused(`config_invalid`) when it is not a file one can read, Fault without an answer.
        """
        key, owner = _key(repository.installation), repository.full_name.partition("/")[0]
        known = json.loads(self.kept.get(key) or "{}")
        if self.clock.now() < known.get("until", 0.0):
            return str(known["text"]) if known["text"] is not None else None
        text = self._asked(repository, owner)
        if text is None and known.get("text", "") is not None:
            log.info("the owner has no configuration for all of theirs", owner=owner, where=f"{HOME}/{PATH}")
        until = self.clock.now() + (BELIEVED_S if text is not None else NONE_BELIEVED_S)
        self.kept.put(key, json.dumps({"until": until, "text": text}))
        return text

    def forget(self, installation: int) -> None:
        """The next one to ask is answered by GitHub. An installation is one owner's."""
        known = json.loads(self.kept.get(_key(installation)) or "{}")
        self.kept.put(_key(installation), json.dumps({**known, "until": 0.0}))

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


def _key(installation: int) -> str:
    return f"defaults {installation}"
