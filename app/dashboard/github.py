"""Signing in with GitHub: there with a state and a PKCE challenge, back with a code that is of use to this browser only.

The App's own OAuth, as GitHub documents it for GitHub Apps ("Generating a user access token", with `code_challenge`).
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

from infra.github.entrance import Person

COOKIE = "slipway_sign_in"
CALLBACK = "/login/callback"
LASTS_S = 600
"""How long somebody may take on GitHub's page."""


class Entrance(Protocol):
    """GitHub, for somebody who comes back from it."""

    def sign_in(self, client_id: str, client_secret: str, code: str, *, redirect: str, verifier: str) -> Person:
        """Who it is, and what they see. Raises Refused for a code that is not good, Fault when nobody can tell."""
        ...


@dataclass(frozen=True, slots=True)
class Journey:
    """What a browser keeps while its person is at GitHub: what has to come back, and where they wanted to go (`where`)."""

    state: str
    verifier: str
    where: str
    until: float


@dataclass(frozen=True, slots=True)
class GitHubSignIn:
    """The App's OAuth client. Every web process of an installation can end what another began: the cookie is signed by the secret."""

    entrance: Entrance
    client_id: str
    client_secret: str = field(repr=False)
    github_url: str
    public_url: str

    def leave(self, where: str, now: float) -> tuple[str, str]:
        """GitHub's page to go to, and the cookie to take along."""
        journey = Journey(secrets.token_urlsafe(32), secrets.token_urlsafe(64), where, now + LASTS_S)
        asked = {
            "client_id": self.client_id,
            "redirect_uri": self._redirect,
            "state": journey.state,
            "code_challenge": _unpadded(hashlib.sha256(journey.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        body = _unpadded(json.dumps([journey.state, journey.verifier, journey.where, journey.until]).encode())
        return f"{self.github_url}/login/oauth/authorize?{urlencode(asked)}", f"{body}.{self._mac(body)}"

    def back(self, cookie: str, state: str, now: float) -> Journey | None:
        """The journey that ends here; None for one that did not begin in this browser, or took too long."""
        body, _, mac = cookie.rpartition(".")
        if not body or not hmac.compare_digest(self._mac(body).encode(), mac.encode(errors="replace")):
            return None
        journey = Journey(*json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        same = hmac.compare_digest(journey.state.encode(), state.encode(errors="replace"))
        return journey if same and now < journey.until else None

    def person(self, code: str, journey: Journey) -> Person:
        """Who came back with the code. Raises Refused, Fault."""
        return self.entrance.sign_in(self.client_id, self.client_secret, code, redirect=self._redirect, verifier=journey.verifier)

    @property
    def _redirect(self) -> str:
        return f"{self.public_url.rstrip('/')}{CALLBACK}"

    def _mac(self, body: str) -> str:
        key = hashlib.sha256(b"slipway sign-in\0" + self.client_secret.encode()).digest()
        return hmac.new(key, body.encode(errors="replace"), hashlib.sha256).hexdigest()


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
