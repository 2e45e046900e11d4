"""GitHub or this machine, by the installation of the repository: 0 is here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Never

from delivery.manager import CheckText
from infra.git import Source
from infra.github.board import GitHubBoard
from infra.github.forge import GitHubForge
from infra.github.sources import GitHubSources
from infra.local_forge import Heard, LocalForge, LocalPlace, SilentBoard
from jobs.errors import Refused
from jobs.model import Actor, Item, Repository


@dataclass(frozen=True, slots=True)
class Forges:
    """`handlers.facts.Forge` for every repository. `github` is None where no App is configured."""

    github: GitHubForge | None
    local: LocalForge

    def hearing(self, heard: Heard) -> "Forges":
        """The same, for a decision on this webhook: a local repository's item is what the webhook says."""
        return replace(self, local=self.local.hearing(heard))

    def repository(self, repository: Repository) -> Repository:
        """See `handlers.facts.Forge`."""
        return self._of(repository).repository(repository)

    def permission(self, repository: Repository, actor: Actor) -> str:
        """See `handlers.facts.Forge`."""
        return self._of(repository).permission(repository, actor)

    def config(self, repository: Repository) -> str | None:
        """See `handlers.facts.Forge`."""
        return self._of(repository).config(repository)

    def file(self, repository: Repository, path: str) -> str | None:
        """See `app.catalogue.Configured`."""
        return self._of(repository).file(repository, path)

    def defaults(self, repository: Repository) -> str | None:
        """See `app.catalogue.Configured`."""
        return self._of(repository).defaults(repository)

    def tip(self, repository: Repository) -> str | None:
        """See `handlers.facts.Forge`."""
        return self._of(repository).tip(repository)

    def item(self, repository: Repository, number: int) -> Item:
        """See `handlers.facts.Forge`."""
        return self._of(repository).item(repository, number)

    def own(self, repository: Repository) -> frozenset[int]:
        """See `handlers.facts.Forge`."""
        return self._of(repository).own(repository)

    def teams(self, repository: Repository, actor: Actor, names: Collection[str]) -> frozenset[str]:
        """See `handlers.facts.Forge`."""
        return self._of(repository).teams(repository, actor, names)

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """See `handlers.facts.Forge`."""
        return self._of(repository).label_event(repository, number, label)

    def _of(self, repository: Repository) -> GitHubForge | LocalForge:
        if repository.installation == 0:
            return self.local
        return self.github or _without_app(repository)


@dataclass(frozen=True, slots=True)
class Boards:
    """`delivery.manager.Board` for every repository."""

    github: GitHubBoard | None
    local: SilentBoard = field(default_factory=SilentBoard)

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """See `delivery.manager.Board`."""
        self._of(repository).react(repository, number, comment, content, beside=beside)

    def find_comment(self, repository: Repository, number: int, marker: str, *, beside: bool = False) -> int | None:
        """See `delivery.manager.Board`."""
        return self._of(repository).find_comment(repository, number, marker, beside=beside)

    def comment(self, repository: Repository, number: int, body: str, *, thread: int | None = None) -> int:
        """See `delivery.manager.Board`."""
        return self._of(repository).comment(repository, number, body, thread=thread)

    def edit_comment(self, repository: Repository, comment: int, body: str) -> bool:
        """See `delivery.manager.Board`."""
        return self._of(repository).edit_comment(repository, comment, body)

    def set_labels(self, repository: Repository, number: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """See `delivery.manager.Board`."""
        self._of(repository).set_labels(repository, number, add=add, remove=remove)

    def find_check(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """See `delivery.manager.Board`."""
        return self._of(repository).find_check(repository, sha, external_id)

    def start_check(self, repository: Repository, sha: str, external_id: str, url: str | None, text: CheckText) -> int:
        """See `delivery.manager.Board`."""
        return self._of(repository).start_check(repository, sha, external_id, url, text)

    def update_check(self, repository: Repository, check: int, text: CheckText, *, conclusion: str | None) -> None:
        """See `delivery.manager.Board`."""
        self._of(repository).update_check(repository, check, text, conclusion=conclusion)

    def _of(self, repository: Repository) -> GitHubBoard | SilentBoard:
        if repository.installation == 0:
            return self.local
        return self.github or _without_app(repository)


@dataclass(frozen=True, slots=True)
class PlacedSources:
    """`infra.git.Sources` for every repository: a token's URL, or a path of the server file."""

    github: GitHubSources | None
    places: Mapping[int, LocalPlace]

    def source(self, repository: Repository, *, write: bool = False) -> Source:
        """See `infra.git.Sources`. Raises Refused(`repository_unreachable`) for a local repository the server file does not name."""
        if repository.installation:
            return (self.github or _without_app(repository)).source(repository, write=write)
        place = self.places.get(repository.id)
        if place is None and repository.path:
            return Source(repository.path)
        if place is None:
            text = f"The server file names no local repository with the id {repository.id}. Add it there, or remove what asks for it."
            raise Refused("repository_unreachable", text)
        return Source(str(place.path))

    def tip(self, repository: Repository, branch: str) -> str | None:
        """See `infra.git.Sources`. A repository of this machine is as near as what was fetched of it."""
        return (self.github or _without_app(repository)).tip(repository, branch) if repository.installation else None


def _without_app(repository: Repository) -> Never:
    text = f"{repository.full_name} is a repository of GitHub, and no GitHub App is configured. Set SLIPWAY_GITHUB_APP_ID and its key."
    raise Refused("github_auth", text)
