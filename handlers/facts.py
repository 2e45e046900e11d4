"""What a decision needs to know of the forge, beside the event itself. Fetched when first needed, never by a handler."""

from dataclasses import dataclass
from typing import Protocol

from jobs.model import Actor, ItemKind, Repository


@dataclass(frozen=True, slots=True)
class Item:
    """An issue or pull request as it stands now. The `head_*` fields are a pull request's."""

    kind: ItemKind
    number: int
    title: str
    body: str
    open: bool
    author: int
    labels: tuple[str, ...] = ()
    url: str = ""
    head_sha: str | None = None
    head_ref: str | None = None
    head_repository: int | None = None
    base_ref: str | None = None
    draft: bool = False
    merged: bool = False


class Forge(Protocol):
    """Reads of one forge. Every method raises Fault (`github_unavailable`, …) when there is no answer: doubt is no."""

    def repository(self, repository: Repository) -> Repository:
        """The same repository with its present name and default branch. Raises Refused(`repository_gone`)."""
        ...

    def permission(self, repository: Repository, actor: Actor) -> str:
        """Admin | maintain | write | triage | read | none, by the collaborator permission API (`role_name` where given)."""
        ...

    def config(self, repository: Repository) -> str | None:
        """The text of `.github/slipway.yml` on the default branch; None when there is none."""
        ...

    def item(self, repository: Repository, number: int) -> Item:
        """The issue or pull request. Raises Refused(`github_refused`) when it is gone."""
        ...

    def label_event(self, repository: Repository, number: int, label: str) -> int | None:
        """The id of the newest `labeled` event of that label (GET /issues/{n}/events), for the intent key."""
        ...
