"""Who we are to GitHub: the App's JWT, and installation tokens as narrow as their purpose. No token is ever logged or stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import jwt

from infra.github.answer import Declined, Unauthorised
from infra.github.api import Api
from infra.github.routes import PERMISSIONS, Purpose, Route
from infra.shared_memory import SharedTable
from jobs.errors import Fault, Refused
from jobs.model import Repository
from jobs.ports import Clock

ALGORITHM = "RS256"
BACKDATED_S = 60
JWT_LIFE_S = 9 * 60
SPARE_S = 5 * 60.0
MOST_KEPT_S = 50 * 60.0


class Masks(Protocol):
    """Keeps secrets out of what is logged and stored; `infra.redact.Redactor` is one."""

    def add(self, value: str) -> None:
        """Mask the value from now on."""
        ...

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        ...


@dataclass(frozen=True)
class AppKey:
    """The App's id and private key."""

    app_id: str
    private_key: str = field(repr=False)

    def jwt(self, now: float) -> str:
        """A JWT for the App. `now` is GitHub's time: `gidgethub.apps.get_jwt` knows only this machine's, which may be off.

        Raises Refused(`github_auth`) for a key that is none.
        """
        issued = int(now) - BACKDATED_S
        claims = {"iat": issued, "exp": issued + JWT_LIFE_S, "iss": self.app_id}
        try:
            return jwt.encode(claims, self._read, algorithm=ALGORITHM)
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            text = "The App's private key cannot be read. Set SLIPWAY_GITHUB_PRIVATE_KEY(_FILE) to the PEM file GitHub gave out."
            raise Refused("github_auth", text) from error

    @cached_property
    def _read(self) -> Any:
        """The key as numbers, which were checked: that takes longer than everything else about a call, and is done once."""
        return jwt.get_algorithm_by_name(ALGORITHM).prepare_key(self.private_key)


@dataclass(frozen=True)
class _Kept:
    text: str = field(repr=False)
    until: float


class Tokens:
    """Installation tokens, each for one repository and one purpose, kept while they are good: also for processes forked later."""

    def __init__(self, api: Api, key: AppKey, clock: Clock, masks: Masks) -> None:
        self._api = api
        self._key = key
        self._clock = clock
        self._masks = masks
        self._kept = SharedTable()

    def jwt(self) -> str:
        """The App's JWT, by GitHub's clock as far as it is known."""
        return self._key.jwt(self._clock.now() + self._api.skew)

    async def token(self, repository: Repository, purpose: Purpose) -> str:
        """A token. Raises Fault: `installation_suspended`, `github_auth`, …; Refused(`repository_gone`) when there is none to be had."""
        at = _place(repository, purpose)
        text, until = self._kept.get(at) or ("", 0.0)
        if self._clock.now() < until:
            self._masks.add(text)  # another process may have asked for it
            return str(text)
        made = await self._mint(repository.installation, {"repository_ids": [repository.id]}, purpose)
        self._kept.put(at, (made.text, made.until))
        return made.text

    async def beside(self, installation: int, name: str, purpose: Purpose) -> str:
        """A token for another repository of the installation, which is known only by its name. Not kept.

        Raises as `token`; Refused(`repository_gone`) where the installation does not reach it.
        """
        return (await self._mint(installation, {"repositories": [name]}, purpose)).text

    async def wide(self, installation: int, purpose: Purpose) -> str:
        """A token for every repository of an installation, for listing them. Not kept."""
        return (await self._mint(installation, {}, purpose)).text

    def forget(self, repository: Repository, purpose: Purpose) -> None:
        """Drop a token that GitHub did not accept."""
        self._kept.drop(_place(repository, purpose))

    async def _mint(self, installation: int, narrowed: Mapping[str, object], purpose: Purpose) -> _Kept:
        body: dict[str, object] = {"permissions": dict(PERMISSIONS[purpose]), **narrowed}
        asked = self._clock.now()
        try:
            answer = await self._post(installation, body)
        except Declined as no:
            raise _unminted(no) from no
        lives = datetime.fromisoformat(answer["expires_at"]).timestamp() - self._api.skew - asked
        self._masks.add(answer["token"])
        return _Kept(answer["token"], asked + min(lives - SPARE_S, MOST_KEPT_S))

    async def _post(self, installation: int, body: dict[str, object]) -> dict[str, str]:
        """One POST; a second one when the first was refused for the clock, which the first answer has told us."""
        url, parts = Route.TOKEN.value.template, {"installation": str(installation)}
        try:
            answer: dict[str, str] = await self._api.post(url, parts, data=body, jwt=self.jwt())
        except Unauthorised as first:
            try:
                answer = await self._api.post(url, parts, data=body, jwt=self.jwt())
            except Unauthorised as second:
                raise self._locked_out(second) from first
        return answer

    def _locked_out(self, fault: Fault) -> Fault:
        off = f" This machine's clock is {abs(self._api.skew):.0f} seconds off GitHub's." if abs(self._api.skew) > BACKDATED_S else ""
        text = "GitHub does not accept the App's JWT. Check SLIPWAY_GITHUB_APP_ID and the private key with `slipway doctor`." + off
        return Fault("github_auth", text, evidence=fault.reason.text)


def _place(repository: Repository, purpose: Purpose) -> str:
    return f"{repository.scope}:{purpose.name}"


def _unminted(no: Declined) -> Refused:
    """Why there is no token, as a refusal people can act on."""
    if no.status == 404:
        return Refused("repository_gone", "The App is not installed on this account any more. Install it again to go on.", evidence=no.said)
    if no.status == 422 and "permission" in no.said.lower():
        text = "The installation has not granted the App every permission it asks for. An owner can accept them in its settings."
        return Refused("github_refused", text, evidence=no.said)
    if no.status == 422:
        text = "The App's installation does not reach this repository any more. Add it to the installation's repositories to go on."
        return Refused("repository_gone", text, evidence=no.said)
    return no
