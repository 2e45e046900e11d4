"""A repository of this machine as a forge: the server file says who is trusted, the repository itself holds the configuration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delivery.manager import CheckText
from infra.git import Git, Place
from jobs.errors import Refused
from jobs.model import Actor, Item, ItemKind, Repository

CONFIG = ".github/slipway.yml"
MOST_BYTES = 1024**2
EVERYBODY = "*"
TRUSTED = "write"


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A repository of the server file. `trusted` are logins; `*` is everybody who can sign a webhook."""

    id: int
    full_name: str
    path: Path
    default_branch: str = "main"
    trusted: tuple[str, ...] = ()

    @property
    def git_dir(self) -> Path:
        """Where its objects are, bare or not."""
        inner = self.path / ".git"
        return inner if inner.is_dir() else self.path


@dataclass(frozen=True, slots=True)
class Heard:
    """A webhook being taken in: the id of its row, and what it said. For a local repository nobody else can be asked."""

    row: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalForge:
    """`handlers.facts.Forge` for repositories of installation 0. Items are known only as far as `heard` tells of them."""

    git: Git
    places: Mapping[int, LocalPlace]
    heard: Heard | None = None

    def hearing(self, heard: Heard) -> "LocalForge":
        """The same forge, for a decision on this webhook."""
        return replace(self, heard=heard)

    def repository(self, repository: Repository) -> Repository:
        """As the server file names it. Raises Refused(`repository_gone`) when it names it no more."""
        place = self._place(repository)
        return Repository(place.id, place.full_name, 0, place.default_branch)

    def permission(self, repository: Repository, actor: Actor) -> str:
        """`write` for a trusted login, else `none`."""
        trusted = {login.casefold() for login in self._place(repository).trusted}
        return TRUSTED if trusted & {EVERYBODY, actor.login.casefold()} else "none"

    def config(self, repository: Repository) -> str | None:
        """The configuration on the default branch as committed; None when there is none."""
        return self.file(repository, CONFIG)

    def file(self, repository: Repository, path: str) -> str | None:
        """As `config`, of any file."""
        place = self._place(repository)
        at = Place(place.git_dir)
        name = f"{self.git.checked_ref(f'refs/heads/{place.default_branch}')}:{path}"
        if not self.git.run("cat-file", "-e", name, at=at).ok:
            return None
        shown = self.git.run("cat-file", "blob", name, at=at, output_bytes=MOST_BYTES)
        if not shown.ok:
            raise Refused("config_invalid", f"{path} is not a plain file of less than a megabyte. Replace it with one.")
        return shown.stdout.text

    def defaults(self, repository: Repository) -> str | None:
        """None: what all repositories of this machine have in common is in the server file."""
        return None

    def tip(self, repository: Repository) -> str | None:
        """None: nothing is shown on a commit of this machine."""
        return None

    def item(self, repository: Repository, number: int) -> Item:
        """The issue or pull request as the webhook told it. Raises Refused(`github_refused`) when it told of another."""
        found = self._told(repository, number)
        if found is None:
            raise Refused("github_refused", f"Nothing is known about #{number} of a local repository but what a webhook says of it.")
        item = _item(found)
        label = self._label()
        return replace(item, labels=(*item.labels, label)) if label and label not in item.labels else item

    def own(self, repository: Repository) -> frozenset[int]:
        """Nobody: nothing is written where a webhook could tell of it."""
        return frozenset()

    def teams(self, repository: Repository, actor: Actor, names: Collection[str]) -> frozenset[str]:
        """None: there are no organisations here."""
        return frozenset()

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """The row of the webhook that put the label on: the same for each delivery of it."""
        named = self._label()
        there = self.heard and named is not None and named.casefold() == label.casefold() and self._told(repository, number) is not None
        return self.heard.row if self.heard and there else None

    def _place(self, repository: Repository) -> LocalPlace:
        place = self.places.get(repository.id) if repository.installation == 0 else None
        if place is None and repository.path:
            return LocalPlace(repository.id, repository.full_name, Path(repository.path), repository.default_branch)
        if place is None:
            text = f"The server file names no local repository with the id {repository.id}. Add it there, or remove what asks for it."
            raise Refused("repository_gone", text)
        return place

    def _label(self) -> str | None:
        """The label the webhook put on, if that is what it tells."""
        payload = self.heard.payload if self.heard else {}
        label = payload.get("label")
        return str(label["name"]) if payload.get("action") == "labeled" and isinstance(label, Mapping) else None

    def _told(self, repository: Repository, number: int) -> Mapping[str, Any] | None:
        """The issue or pull request of the payload, if it is this one."""
        payload = self.heard.payload if self.heard else {}
        told = payload.get("pull_request") or payload.get("issue")
        where = payload.get("repository")
        if not isinstance(told, Mapping) or not isinstance(where, Mapping):
            return None
        return told if (told.get("number"), where.get("id")) == (number, repository.id) else None


class SilentBoard:
    """`delivery.manager.Board` for a repository nobody reads comments of: what is put on it is not kept."""

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """Nothing."""

    def find_comment(self, repository: Repository, number: int, marker: str, *, beside: bool = False) -> int | None:
        """None: there is never one."""
        return None

    def comment(self, repository: Repository, number: int, body: str, *, thread: int | None = None) -> int:
        """The id of nothing."""
        return 0

    def edit_comment(self, repository: Repository, comment: int, body: str) -> bool:
        """As if it was there."""
        return True

    def set_labels(self, repository: Repository, number: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Nothing."""

    def find_check(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """None: there is never one."""
        return None

    def start_check(self, repository: Repository, sha: str, external_id: str, url: str | None, text: CheckText) -> int:
        """The id of nothing."""
        return 0

    def update_check(self, repository: Repository, check: int, text: CheckText, *, conclusion: str | None) -> None:
        """Nothing."""


def _item(told: Mapping[str, Any]) -> Item:
    head, base = told.get("head"), told.get("base")
    source = head.get("repo") if isinstance(head, Mapping) else None
    return Item(
        kind=ItemKind.PULL if isinstance(head, Mapping) or "pull_request" in told else ItemKind.ISSUE,
        number=int(told["number"]),
        title=str(told.get("title") or ""),
        body=str(told.get("body") or ""),
        open=told.get("state", "open") == "open",
        author=int((told.get("user") or {}).get("id", 0)),
        labels=tuple(str(label["name"]) for label in told.get("labels") or ()),
        url=str(told.get("html_url") or ""),
        head_sha=head.get("sha") if isinstance(head, Mapping) else None,
        head_ref=head.get("ref") if isinstance(head, Mapping) else None,
        head_repository=source.get("id") if isinstance(source, Mapping) else None,
        base_ref=base.get("ref") if isinstance(base, Mapping) else None,
        draft=bool(told.get("draft")),
        merged=bool(told.get("merged")),
    )
