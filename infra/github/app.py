"""The App itself: who it is, where it is installed, and the list of webhooks GitHub tried to deliver."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from infra.github.answer import Declined
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.model import Repository

log = structlog.get_logger("slipway.github")


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """One attempt of GitHub to deliver a webhook. A redelivery is another one with the same `guid`."""

    id: int
    guid: str
    event: str
    action: str | None
    delivered_at: float
    redelivery: bool
    status_code: int
    installation: int | None
    repository: int | None

    @property
    def ok(self) -> bool:
        """Whether we answered it with success."""
        return 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A delivery with what was sent: `body` is the payload as JSON, its signature is GitHub's to know."""

    delivery: HookDelivery
    body: bytes


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation of the App."""

    id: int
    account: str
    suspended: bool
    permissions: Mapping[str, str]


class Kept(Protocol):
    """What was found out and need not be asked again by the next process. Keys have at most 64 characters."""

    def get(self, key: str) -> str | None:
        """The newest that was kept; None when there is nothing."""
        ...

    def put(self, key: str, value: str) -> None:
        """Keep it, in place of what was there."""
        ...


class GitHubApp:
    """Calls with the App's own JWT. What never changes is asked for once: by this process, or by any where it is `kept`."""

    def __init__(self, github: GitHub, app_id: str, kept: Kept | None = None) -> None:
        self._github = github
        self.id = app_id
        self._kept = kept
        self._bot: int | None = None

    def slug(self) -> str:
        """The App's name in URLs; a way to find out whether GitHub accepts our credentials. Raises Fault(`github_auth`)."""
        return str(self._github.ask_app(Route.APP)["slug"])

    def bot(self, repository: Repository) -> int | None:
        """The user id our own writes carry. `repository` is any that the App reaches: its token asks.

        None where GitHub does not tell: nothing there is then taken for ours by its author.
        """
        if self._bot is None:
            self._bot = self._remembered() or self._asked(repository)
        return self._bot

    def _remembered(self) -> int | None:
        known = self._kept.get(self._key) if self._kept else None
        return int(known) if known else None

    def _asked(self, repository: Repository) -> int | None:
        try:
            found = int(self._github.ask(Route.USER, repository, login=f"{self.slug()}[bot]")["id"])
        except Declined as no:
            if no.status != 404:
                raise
            log.warning("GitHub does not tell which user the App is", app=self.id, said=no.said)
            return None
        if self._kept:
            self._kept.put(self._key, str(found))
        return found

    @property
    def _key(self) -> str:
        return f"bot of App {self.id}"

    def installations(self) -> Sequence[Installed]:
        """Every account the App is installed on."""
        return [_installed(row) for row in self._github.each_app(Route.INSTALLATIONS)]

    def repositories(self, installation: int) -> Sequence[Repository]:
        """Every repository an installation reaches."""
        rows = self._github.each_selected(installation)
        return [Repository(row["id"], row["full_name"], installation, row["default_branch"]) for row in rows]

    def deliveries(self, since: float) -> Sequence[HookDelivery]:
        """What GitHub tried to deliver since then (seconds since the epoch), newest first; its list goes back about three days."""
        rows = self._github.each_app(Route.DELIVERIES, lambda row: _seconds(row["delivered_at"]) < since)
        return [_delivery(row) for row in rows]

    def delivery(self, number: int) -> HookRequest:
        """One delivery with its payload. Raises Refused(`github_refused`) when the list does not have it any more."""
        row = self._github.ask_app(Route.DELIVERY, delivery=number)
        return HookRequest(_delivery(row), json.dumps(row["request"]["payload"], separators=(",", ":")).encode())

    def redeliver(self, number: int) -> None:
        """Ask GitHub to deliver it again, under the same guid."""
        self._github.ask_app(Route.REDELIVER, delivery=number)


def _delivery(row: Mapping[str, Any]) -> HookDelivery:
    return HookDelivery(
        id=row["id"],
        guid=row["guid"],
        event=row["event"],
        action=row["action"],
        delivered_at=_seconds(row["delivered_at"]),
        redelivery=row["redelivery"],
        status_code=row["status_code"],
        installation=row["installation_id"],
        repository=row["repository_id"],
    )


def _installed(row: Mapping[str, Any]) -> Installed:
    return Installed(row["id"], row["account"]["login"], row["suspended_at"] is not None, row["permissions"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
