"""A call of the API as its answering function sees it, and the answer it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tests.fakes.github.hub import Hub
from tests.fakes.github.state import Repository, User
from tests.fakes.github.tokens import Caller, Deny

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One authenticated, permitted call. `repo` is set for routes of a repository."""

    hub: Hub
    caller: Caller
    vars: dict[str, str]
    query: dict[str, str]
    body: Any
    repository: Repository | None = None

    @property
    def repo(self) -> Repository:
        """The repository of the route."""
        assert self.repository
        return self.repository

    @property
    def actor(self) -> User:
        """Who the call's writes are attributed to."""
        return self.hub.app.bot

    def number(self, name: str) -> int:
        """A numeric part of the path. Raises Deny(404)."""
        if not self.vars[name].isdigit():
            raise Deny(404, "Not Found")
        return int(self.vars[name])


@dataclass(frozen=True)
class Answer:
    """Status and JSON. `next_query` names the parameters that get the following page."""

    status: int = 200
    body: Any = None
    next_query: dict[str, str] = field(default_factory=dict)


class Answering(Protocol):
    """A function that answers one route."""

    def __call__(self, call: Call) -> Answer:
        """Change the state and say what GitHub would say. Raises Deny."""
        ...


def sized(call: Call) -> int:
    """The page size asked for: 30 unless told, at most 100."""
    return max(1, min(100, int(call.query.get("per_page", "30"))))


def paged(call: Call, rows: Sequence[T], shape: Callable[[T], Any], *, key: str | None = None) -> Answer:
    """One page of `rows`; under `key` with a total count for the lists that are objects."""
    size, page = sized(call), max(1, int(call.query.get("page", "1")))
    shown = [shape(row) for row in rows[(page - 1) * size : page * size]]
    body: Any = {"total_count": len(rows), key: shown} if key else shown
    more = {"page": str(page + 1)} if len(rows) > page * size else {}
    return Answer(200, body, more)


def seen(rows: Sequence[T]) -> list[T]:
    """What a list read sees: a new object is hidden from its first `hidden_reads` list reads (replica lag)."""
    shown = []
    for row in rows:
        hidden = getattr(row, "hidden_reads", 0)
        if hidden:
            row.hidden_reads = hidden - 1  # type: ignore[attr-defined]  # only records that have it come here
        else:
            shown.append(row)
    return shown


def invalid(resource: str, field_name: str, code: str = "invalid") -> Deny:
    """A 422 that names the field."""
    return Deny(422, "Validation Failed", errors=[{"resource": resource, "field": field_name, "code": code}])


def custom(resource: str, message: str) -> Deny:
    """A 422 with a sentence."""
    return Deny(422, "Validation Failed", errors=[{"resource": resource, "code": "custom", "message": message}])


def writable(repo: Repository) -> None:
    """Raises Deny(403) for an archived repository."""
    if repo.archived:
        raise Deny(403, "Repository was archived so is read-only.")
