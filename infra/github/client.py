"""GitHub as the adapters use it: synchronous, one route of the table at a time, with the right token and at the right pace."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.github.answer import Declined, Moved, Unauthorised
from infra.github.api import Api
from infra.github.lane import Lane
from infra.github.routes import Purpose, Route
from infra.github.told import told
from infra.github.wire import Wire
from infra.github_auth import AppKey, Masks, Tokens
from jobs.errors import Fault, Refused
from jobs.model import Repository
from jobs.ports import Clock

T = TypeVar("T")
Part = str | int | None
MOST_APIS = 200
MOST_ROWS = 3_000
NAME_KEPT_S = 60.0
PAGE = 100


@dataclass(frozen=True, slots=True)
class Named:
    """A repository as GitHub answered for it, and until when that is believed."""

    document: Mapping[str, Any]
    until: float


class GitHub:
    """Calls GitHub for repositories and for the App. Everything it raises is a Fault."""

    def __init__(
        self, key: AppKey, lane: Lane, clock: Clock, masks: Masks, *, base_url: str = "https://api.github.com", timeout_s: float = 30.0
    ) -> None:
        self._wire = Wire(timeout_s)
        self._lane = lane
        self._clock = clock
        self._base_url = base_url
        self._mask = masks.text
        self._app = Api(self._wire, clock, base_url, self._mask)
        self._tokens = Tokens(self._app, key, clock, masks)
        self._apis: dict[int, Api] = {}
        self._names: dict[int, Named] = {}

    def counted(self) -> Mapping[tuple[str, str], int]:
        """See `Wire.counted`."""
        return self._wire.counted()

    def warm(self) -> None:
        """Make ready what each process would make for itself: key, certificates, modules. For whoever forks; raises nothing.

        A key that is none is refused where it is used.
        """
        self._wire.warm()
        with suppress(Refused):
            self._tokens.jwt()

    def close(self) -> None:
        """Close the connections of this process."""
        self._wire.close()

    # for a repository

    def ask(self, route: Route, repository: Repository, data: object = None, **parts: Part) -> Any:
        """One call for a repository, by its present name. A write is sent once; what is raised says whether it may have been done."""
        return self._named(
            repository, lambda name: self._run(repository, route, lambda: self._one(route, repository, data, {**name, **parts}))
        )

    def ask_beside(self, route: Route, repository: Repository, name: str, **parts: Part) -> Any:
        """One read of another repository of the same owner, with a token for that one alone. Raises as `ask`."""
        installation, purpose = repository.installation, route.value.purpose

        async def work() -> Any:
            token = await self._tokens.beside(installation, name, purpose)
            return await call(self._api(installation), route, None, parts, oauth_token=token)

        return self._run(repository, route, work)

    def each(self, route: Route, repository: Repository, *, key: str | None = None, **parts: Part) -> list[Any]:
        """Every row of a list, through all of its pages; under `key` where the pages are objects."""
        filled = {"per_page": PAGE, **parts}
        return self._named(
            repository, lambda name: self._run(repository, route, lambda: self._all(route, repository, key, {**name, **filled}))
        )

    def text(self, route: Route, repository: Repository, **parts: Part) -> str | None:
        """A text GitHub keeps elsewhere and redirects to; None when it keeps it no more. No token goes to that other place."""
        try:
            self.ask(route, repository, **parts)
        except Moved as moved:
            return self._wire.run(self._api(repository.installation).fetched(moved.location))
        except Declined as no:
            if no.status not in (404, 410):
                raise
        return None

    def named(self, repository: Repository) -> Mapping[str, Any]:
        """The repository's own document, found by id whatever it is called now. Raises Refused(`repository_gone`)."""
        kept = self._names.get(repository.id)
        if kept is None or self._clock.monotonic() >= kept.until:
            document = self._run(repository, Route.REPOSITORY, lambda: self._found(repository))
            kept = Named(document, self._clock.monotonic() + NAME_KEPT_S)
            self._names = {**self._names, repository.id: kept} if len(self._names) < MOST_APIS else {repository.id: kept}
        return kept.document

    def token(self, repository: Repository, purpose: Purpose) -> str:
        """A token for git, narrowed like every other."""
        return self._wire.run(self._tokens.token(repository, purpose))

    def forget(self, repository: Repository, purpose: Purpose) -> None:
        """Drop the token git was refused with; the next one is new."""
        self._tokens.forget(repository, purpose)

    # for the App itself

    def ask_app(self, route: Route, data: object = None, **parts: Part) -> Any:
        """One call with the App's JWT."""
        return self._wire.run(self._as_app(lambda jwt: call(self._app, route, data, parts, jwt=jwt)))

    def each_app(self, route: Route, until: Callable[[Any], bool] = lambda _: False, **parts: Part) -> list[Any]:
        """The rows of one of the App's own lists, up to the first that `until` is true of."""
        filled = {"per_page": PAGE, **parts}
        return self._wire.run(self._as_app(lambda jwt: rows(self._app, route, filled, None, until=until, jwt=jwt)))

    def each_selected(self, installation: int) -> list[Any]:
        """Every repository an installation reaches."""

        async def work() -> list[Any]:
            token = await self._tokens.wide(installation, Purpose.READ)
            return await rows(self._api(installation), Route.SELECTED, {"per_page": PAGE}, "repositories", oauth_token=token)

        self._lane.wait(installation, 0.0)
        return self._wire.run(work())

    # how

    def _run(self, repository: Repository, route: Route, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """At the lane's pace; a limit GitHub states is written down for every process."""
        self._lane.wait(repository.installation, 0.0 if route.value.method == "GET" else 1.0)
        try:
            answer = self._wire.run(work())
        except Fault as fault:
            if fault.reason.code == "github_rate_limited" and fault.retry_after is not None:
                self._lane.hold(repository.installation, fault.retry_after)
            raise
        spent = self._api(repository.installation).spent()
        if spent:
            self._lane.hold(repository.installation, spent)
        return answer

    def _named(self, repository: Repository, call: Callable[[Mapping[str, Part]], T]) -> T:
        """Call with the present owner and name; once more when the repository was renamed just now (a redirect does nothing)."""
        try:
            return call(_spelled(self.named(repository)))
        except Moved:
            if not self._renamed(repository):
                raise
            return call(_spelled(self.named(repository)))

    def _renamed(self, repository: Repository) -> bool:
        """Look again what the repository is called; whether that is something else than before."""
        before = self.named(repository)["full_name"]
        self._names.pop(repository.id, None)
        return bool(self.named(repository)["full_name"] != before)

    async def _one(self, route: Route, repository: Repository, data: object, parts: Mapping[str, Part]) -> Any:
        api = self._api(repository.installation)
        return await self._as_installation(route, repository, lambda token: call(api, route, data, parts, oauth_token=token))

    async def _all(self, route: Route, repository: Repository, key: str | None, parts: Mapping[str, Part]) -> list[Any]:
        api = self._api(repository.installation)
        return await self._as_installation(route, repository, lambda token: rows(api, route, parts, key, oauth_token=token))

    async def _found(self, repository: Repository) -> Mapping[str, Any]:
        """By name first, which every GitHub documents; by id when the name has become another repository's."""
        try:
            document = await self._one(Route.REPOSITORY, repository, None, _spelled({"full_name": repository.full_name}))
            if document["id"] != repository.id:
                document = await self._one(Route.REPOSITORY_BY_ID, repository, None, {"id": repository.id})
        except Declined as no:
            if no.status != 404:
                raise
            text = "GitHub does not show this repository to the App any more: it was deleted, or taken out of the installation."
            raise Refused("repository_gone", text, evidence=no.said) from no
        found: Mapping[str, Any] = document
        return found

    async def _as_installation(self, route: Route, repository: Repository, call: Callable[[str], Coroutine[Any, Any, T]]) -> T:
        """With a token; with a new one, once, when it was refused. A 401 has done nothing, so a write may be sent again."""
        purpose = route.value.purpose
        try:
            return await call(await self._tokens.token(repository, purpose))
        except Unauthorised:
            self._tokens.forget(repository, purpose)
            return await call(await self._tokens.token(repository, purpose))

    async def _as_app(self, call: Callable[[str], Coroutine[Any, Any, T]]) -> T:
        """With a JWT; once more when it was refused for the clock, which the refusal has told us."""
        try:
            return await call(self._tokens.jwt())
        except Unauthorised:
            return await call(self._tokens.jwt())

    def _api(self, installation: int) -> Api:
        api = self._apis.get(installation)
        if api is None:
            if len(self._apis) >= MOST_APIS:
                self._apis.clear()
            api = self._apis[installation] = Api(self._wire, self._clock, self._base_url, self._mask)
        return api


async def call(
    api: Api, route: Route, data: object, parts: Mapping[str, Part], *, jwt: str | None = None, oauth_token: str | None = None
) -> Any:
    """One call, with the credentials the route is for. Raises Fault."""
    end, names = route.value, filled(parts)
    body = b"" if data is None else data
    if end.method == "GET":
        answer = await api.getitem(end.template, names, jwt=jwt, oauth_token=oauth_token)
    elif end.method == "POST":
        answer = await api.post(end.template, names, data=body, jwt=jwt, oauth_token=oauth_token)
    elif end.method == "PATCH":
        answer = await api.patch(end.template, names, data=body, jwt=jwt, oauth_token=oauth_token)
    else:
        return await api.delete(end.template, names, data=body, jwt=jwt, oauth_token=oauth_token)
    return told(answer, f"{end.method} {end.template}")


async def rows(
    api: Api,
    route: Route,
    parts: Mapping[str, Part],
    key: str | None,
    *,
    until: Callable[[Any], bool] = lambda _: False,
    jwt: str | None = None,
    oauth_token: str | None = None,
) -> list[Any]:
    """The rows of all pages, by the links GitHub gives; a list without an end is cut."""
    found: list[Any] = []
    pages = api.getiter(route.value.template, filled(parts), jwt=jwt, oauth_token=oauth_token, iterable_key=key)
    async with aclosing(pages):
        async for part in pages:
            row = told(part, f"{route.value.method} {route.value.template}")
            if until(row) or len(found) >= MOST_ROWS:
                break
            found.append(row)
    return found


def filled(parts: Mapping[str, Part]) -> dict[str, str]:
    """The parts as text; the template escapes them. Raises Refused for the two names a path cannot hold: they would lead elsewhere."""
    names = {name: str(part) for name, part in parts.items() if part is not None}
    for text in names.values():
        if text in (".", ".."):
            raise Refused("github_refused", f"{text!r} cannot be part of an address of GitHub's. Use another name.")
    return names


def _spelled(document: Mapping[str, Any]) -> Mapping[str, Part]:
    owner, _, name = str(document["full_name"]).partition("/")
    return {"owner": owner, "repo": name}
