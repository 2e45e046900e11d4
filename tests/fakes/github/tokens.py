"""Who is calling: App JWTs and installation tokens, checked the way GitHub checks them."""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

import jwt

from tests.fakes.github.state import App, Installation, Token, User

LEVELS = {"read": 1, "write": 2, "admin": 3}
MOST_LIFE_S = 600


class Deny(Exception):
    """A refusal with GitHub's status and message."""

    def __init__(self, status: int, message: str, *, errors: list[Any] | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        if errors is not None:
            self.body["errors"] = errors


@dataclass(frozen=True)
class Caller:
    """An authenticated caller: the App itself, an installation, or nobody."""

    app: App | None = None
    token: Token | None = None
    person: User | None = None

    @property
    def name(self) -> str:
        """How the ledger calls the caller."""
        if self.token:
            return f"installation:{self.token.installation.id}"
        return f"app:{self.app.id}" if self.app else "anonymous"

    def may(self, permission: str) -> bool:
        """Whether the token has one of the alternatives, written like `issues:write|pull_requests:write`."""
        if not self.token:
            return False
        for alternative in permission.split("|"):
            name, _, level = alternative.partition(":")
            if LEVELS.get(self.token.permissions.get(name, ""), 0) >= LEVELS[level]:
                return True
        return False


@dataclass
class Tokens:
    """Every installation token that was minted, and the form in which new ones come."""

    form: str = "new"  # old: 40 characters; new: about 520, a JWT inside
    minted: dict[str, Token] = field(default_factory=dict)

    def mint(self, installation: Installation, repositories: frozenset[int], permissions: dict[str, str], now: float) -> Token:
        """A token for an hour."""
        text = _old() if self.form == "old" else _new()
        token = Token(text, installation, repositories, permissions, now + 3600)
        self.minted[text] = token
        return token

    def caller(self, text: str, now: float) -> Caller:
        """The installation behind a token. Raises Deny(401) for one that is not known, over or revoked."""
        token = self.minted.get(text)
        if token is None or token.revoked or now >= token.expires_at or token.installation.removed:
            raise Deny(401, "Bad credentials")
        return Caller(token=token)


def app_caller(app: App, text: str, now: float) -> Caller:
    """The App behind a JWT. Raises Deny(401) with the claim that is wrong."""
    try:
        claims = jwt.decode(text, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.PyJWTError as error:
        raise Deny(401, "A JSON web token could not be decoded") from error
    if str(claims.get("iss")) != str(app.id):
        raise Deny(404, "Integration not found")
    if claims.get("iat", now + 1) > now:
        raise Deny(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
    if claims.get("exp", 0) <= now:
        raise Deny(
            401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
        )
    if claims["exp"] > now + MOST_LIFE_S:
        raise Deny(401, "'Expiration time' claim ('exp') is too far in the future")
    return Caller(app=app)


def _old() -> str:
    return "ghs_" + secrets.token_hex(18)


def _new() -> str:
    parts = (base64.urlsafe_b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (27, 225, 132))
    return "ghs_" + ".".join(parts)
