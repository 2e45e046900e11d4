"""One registration at a time: who may begin it, what GitHub has to bring back, and where its answer is kept."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app import credentials
from app.setting_checks import SHORTEST_SECRET
from infra.github.entrance import NewApp


class Registrar(Protocol):
    """GitHub, before there is an App."""

    def register(self, code: str) -> NewApp:
        """The App of a registration code, which is good once. Raises Refused, Fault."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """What may be told of the new App. `hook_secret` is False where GitHub gave none that is long enough."""

    slug: str
    url: str
    hook_secret: bool


@dataclass
class Registration:
    """Set-up of one installation. `token` is the one-time token that the terminal showed."""

    token: str = field(repr=False)
    registrar: Registrar
    data_dir: Path
    monotonic: Callable[[], float]
    done: Registered | None = None
    _state: str = field(default="", repr=False)

    def is_token(self, given: str) -> bool:
        """Whether it is the one, and is still good: after the registration nothing is."""
        return self.done is None and hmac.compare_digest(self.token.encode(), given.strip().encode(errors="replace"))

    def begun(self) -> str:
        """A new state, which GitHub is to bring back; the one before is good no more."""
        self._state = secrets.token_urlsafe(32)
        return self._state

    def is_state(self, given: str, cookie: str) -> bool:
        """Whether GitHub brings back what was sent, and to the browser that was sent there."""
        known = self._state.encode()
        same = [hmac.compare_digest(known, one.encode(errors="replace")) for one in (given, cookie)]
        return bool(known) and all(same)

    def finish(self, code: str) -> Registered:
        """Register, and keep what only this answer has. Raises Refused or Fault, and then nothing is kept."""
        self._state = ""
        made = self.registrar.register(code)
        credentials.write(self.data_dir, _kept(made))
        self.done = Registered(made.slug, made.url, _long_enough(made))
        return self.done


def one_time_token() -> str:
    """A token for one set-up."""
    return secrets.token_urlsafe(24)


def _long_enough(made: NewApp) -> bool:
    return len(made.webhook_secret.encode()) >= SHORTEST_SECRET


def _kept(made: NewApp) -> Mapping[str, str]:
    """The settings of the new App. A secret too short to be taken at the next start is left to the operator."""
    secret = {"SLIPWAY_WEBHOOK_SECRETS": made.webhook_secret} if _long_enough(made) else {}
    return {
        "SLIPWAY_GITHUB_APP_ID": str(made.id),
        "SLIPWAY_GITHUB_PRIVATE_KEY": made.private_key,
        "SLIPWAY_GITHUB_CLIENT_ID": made.client_id,
        "SLIPWAY_GITHUB_CLIENT_SECRET": made.client_secret,
        **secret,
    }
