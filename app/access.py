"""Who may look and who may act: bearer tokens, the dashboard's sessions, and the one machine where nobody needs either.

A token is written as `token` (may do everything) or `token:read`, `token:run`, `token:admin`. Without any token the API and
the dashboard answer only to this very machine: loopback bind, loopback peer, loopback `Host`, no sign of a proxy, no public URL.
Whoever signed in with GitHub, or followed the link that `slipway up` printed, is known by a visit that the store keeps.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from infra.store.visits import Visit
from jobs.model import Actor

COOKIE = "slipway_session"
VISIT = "slipway_visit"
SESSION_S = 12 * 3600
LOCAL = "local"
"""Whoever is on the very machine, where nobody needs to sign in."""
PROXY_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-client-ip",
    "cf-connecting-ip",
)


class Scope(IntEnum):
    """What a token may do; each includes the ones before it."""

    READ = 1
    RUN = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. `id` names it in logs and intent keys and says nothing about the secret."""

    id: str
    scope: Scope
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is let in. `csrf` has to come back with every form of theirs.

    An `actor` signed in with GitHub: they see the repositories whose scopes `sees` names, and what they may do there is asked of
    GitHub each time, by the rules of the commands. For everybody else `sees` is None: all of them.
    """

    id: str
    scope: Scope
    csrf: str = field(repr=False, default="")
    actor: Actor | None = None
    sees: frozenset[str] | None = None

    def may(self, need: Scope) -> bool:
        """Whether what is asked for lies within the scope."""
        return self.scope >= need

    def may_see(self, scope: str) -> bool:
        """Whether a repository of that scope is shown to them at all."""
        return self.sees is None or scope in self.sees


class Visits(Protocol):
    """Who is signed in without a token."""

    def find(self, secret: str) -> Visit | None:
        """Whose visit a cookie stands for; None when it is over or was never made."""
        ...


class NoVisits:
    """Nobody is."""

    def find(self, secret: str) -> Visit | None:
        """None."""
        return None


def parse_token(text: str) -> Token:
    """One entry of `SLIPWAY_API_TOKENS`."""
    secret, colon, scope = text.rpartition(":")
    if not colon or scope.upper() not in Scope.__members__:
        secret, scope = text, "admin"
    digest = hashlib.sha256(b"slipway token id\0" + secret.encode()).hexdigest()
    return Token(digest[:12], Scope[scope.upper()], secret.encode())


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one web process. `key` signs the forms of the tokenless local case only."""

    tokens: tuple[Token, ...]
    bind: str
    public_url: str | None
    visits: Visits = field(default_factory=NoVisits)
    key: bytes = field(repr=False, default_factory=lambda: secrets.token_bytes(32))

    def who(self, request: HTTPConnection, now: float) -> Principal | None:
        """Who asks; None when nobody we know. May ask the store, so it is called from a thread."""
        bearer = _bearer(request)
        if bearer is not None:
            return self._by_secret(bearer)
        visit = request.cookies.get(VISIT)
        visitor = self._by_visit(visit) if visit else None
        if visitor is not None:
            return visitor
        session = request.cookies.get(COOKIE)
        return self._by_session(session, now) if session else self._local(request)

    def sign_in(self, secret: str, now: float) -> str | None:
        """The value of a session cookie for a token; None when there is no such token."""
        token = self._token(secret)
        if token is None:
            return None
        head = f"{token.id}.{int(now + SESSION_S)}"
        return f"{head}.{_mac(token.secret, 'session', head)}"

    @property
    def secure(self) -> bool:
        """Whether people reach us over https, by what the operator said."""
        return bool(self.public_url and self.public_url.startswith("https://"))

    @property
    def open_to_this_machine(self) -> bool:
        """Whether the machine we run on needs no token."""
        return not self.tokens and not self.public_url and _loopback(_host(self.bind))

    def _token(self, secret: str) -> Token | None:
        found = None
        for token in self.tokens:  # every one is compared, so that the time says nothing
            if hmac.compare_digest(token.secret, secret.encode(errors="replace")):
                found = token
        return found

    def _by_secret(self, secret: str) -> Principal | None:
        token = self._token(secret)
        return Principal(f"token:{token.id}", token.scope) if token else None

    def _by_session(self, cookie: str, now: float) -> Principal | None:
        head, _, mac = cookie.rpartition(".")
        name, _, until = head.partition(".")
        token = next((token for token in self.tokens if token.id == name), None)
        if token is None or not hmac.compare_digest(_mac(token.secret, "session", head).encode(), mac.encode(errors="replace")):
            return None
        if not until.isdecimal() or int(until) < now:
            return None
        return Principal(f"token:{token.id}", token.scope, _mac(token.secret, "csrf", cookie))

    def _by_visit(self, secret: str) -> Principal | None:
        visit = self.visits.find(secret)
        if visit is None:
            return None
        csrf = _mac(secret.encode(), "csrf", "visit")
        if visit.actor is None:
            return Principal("link", Scope.ADMIN, csrf)
        return Principal(f"github:{visit.actor.login}", Scope.READ, csrf, visit.actor, visit.sees)

    def _local(self, request: HTTPConnection) -> Principal | None:
        near = request.client is not None and _loopback(request.client.host)
        named = _loopback(_host(request.headers.get("host", "")))
        proxied = any(header in request.headers for header in PROXY_HEADERS)
        if not (self.open_to_this_machine and near and named) or proxied:
            return None
        return Principal(LOCAL, Scope.ADMIN, _mac(self.key, "csrf", LOCAL))


def access(tokens: Sequence[str], bind: str, public_url: str | None, visits: Visits | None = None) -> Access:
    """The rules as the settings state them."""
    return Access(tuple(parse_token(token) for token in tokens), bind, public_url, visits or NoVisits())


def same_origin(request: HTTPConnection) -> bool:
    """Whether a browser says that the request came from a page of ours; a program that says nothing is believed."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    return site in {"same-origin", "none"} and (origin is None or urlsplit(origin).netloc == request.headers.get("host"))


def form_is_ours(principal: Principal, csrf: str) -> bool:
    """Whether a form carries the mark that only a page shown to this principal has."""
    return bool(principal.csrf) and hmac.compare_digest(principal.csrf.encode(), csrf.encode(errors="replace"))


def _bearer(request: HTTPConnection) -> str | None:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def _mac(key: bytes, purpose: str, message: str) -> str:
    return hmac.new(key, f"slipway {purpose}\0{message}".encode(), hashlib.sha256).hexdigest()


def _host(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
