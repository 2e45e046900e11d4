"""Who is let in."""

import pytest
from starlette.requests import HTTPConnection

from app.access import COOKIE, SESSION_S, Access, Principal, Scope, access, form_is_ours, parse_token, same_origin

NOW = 1_700_000_000.0
LOCAL = access((), "127.0.0.1:8080", None)
TOKENS = access(("alpha-token", "beta-token:read"), "127.0.0.1:8080", None)


def asking(peer: str | None = "127.0.0.1", **headers: str) -> HTTPConnection:
    named = {"host": "127.0.0.1:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return HTTPConnection({"type": "http", "headers": raw, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"])
def test_the_very_machine_needs_no_token(host: str) -> None:
    principal = LOCAL.who(asking(host=host), NOW)
    assert principal is not None
    assert principal.id == "local"
    assert principal.may(Scope.ADMIN)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "slipway.example.org"},
        {"host": "localhost.example.org:8080"},
        {"host": "127.0.0.1.example.org"},
        {"host": "127.0.0.1@example.org"},
        {"host": ""},
        {"x_forwarded_for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer guess"},
    ],
)
def test_a_request_that_may_come_from_elsewhere_is_nobody(headers: dict[str, str]) -> None:
    """Proves: T04. A name that was made to point at us, and a proxy in front of us, are both somewhere else."""
    assert LOCAL.who(asking(**headers), NOW) is None


@pytest.mark.parametrize(
    ("rules", "peer"),
    [
        (access((), "0.0.0.0:8080", None), "127.0.0.1"),
        (access((), "127.0.0.1:8080", "https://slipway.example.org"), "127.0.0.1"),
        (access(("a-token",), "127.0.0.1:8080", None), "127.0.0.1"),
        (LOCAL, "192.0.2.7"),
        (LOCAL, None),
    ],
)
def test_an_installation_others_can_reach_asks_everybody_for_a_token(rules: Access, peer: str | None) -> None:
    """Proves: T04, T39."""
    assert rules.who(asking(peer), NOW) is None


def test_a_token_says_what_it_may_do() -> None:
    reader, admin = (TOKENS.who(asking("192.0.2.7", authorization=f"Bearer {token}"), NOW) for token in ("beta-token", "alpha-token"))
    assert reader is not None
    assert reader.may(Scope.READ)
    assert not reader.may(Scope.RUN)
    assert admin is not None
    assert admin.may(Scope.ADMIN)
    assert reader.id != admin.id


@pytest.mark.parametrize("token", ["alpha-toke", "alpha-token2", "beta-token:read", "", "älpha"])
def test_a_token_has_to_be_whole(token: str) -> None:
    assert TOKENS.who(asking(authorization=f"Bearer {token}"), NOW) is None


def test_a_token_may_hold_a_colon_of_its_own() -> None:
    assert parse_token("a:b:run").secret == b"a:b"
    assert parse_token("a:b").secret == b"a:b"
    assert parse_token("a:b").scope is Scope.ADMIN


def test_the_name_of_a_token_and_its_repr_do_not_hold_it() -> None:
    assert "alpha" not in repr(TOKENS)
    assert "alpha" not in parse_token("alpha-token").id


def test_a_session_lasts_a_while_and_dies_with_its_token() -> None:
    cookie = TOKENS.sign_in("beta-token", NOW)
    asked = asking(cookie=f"{COOKIE}={cookie}")
    principal = TOKENS.who(asked, NOW + 60)
    assert principal is not None
    assert principal.scope is Scope.READ
    assert TOKENS.who(asked, NOW + SESSION_S + 1) is None
    assert access(("alpha-token",), "127.0.0.1:8080", None).who(asked, NOW) is None
    assert TOKENS.sign_in("wrong", NOW) is None


def test_a_session_cannot_be_made_longer_or_another_ones() -> None:
    cookie = str(TOKENS.sign_in("beta-token", NOW))
    name, until, mac = cookie.split(".")
    for forged in (f"{name}.{int(until) + 9}.{mac}", f"{parse_token('alpha-token').id}.{until}.{mac}", f"{name}.{until}.", name, "..", "x"):
        assert TOKENS.who(asking(cookie=f"{COOKIE}={forged}"), NOW) is None


def signed_in(token: str, at: float) -> Principal:
    principal = TOKENS.who(asking(cookie=f"{COOKIE}={TOKENS.sign_in(token, at)}"), NOW)
    assert principal is not None
    return principal


def test_a_form_belongs_to_the_session_it_was_shown_to() -> None:
    one, other = signed_in("alpha-token", NOW), signed_in("alpha-token", NOW + 5)
    assert form_is_ours(one, one.csrf)
    assert not form_is_ours(one, other.csrf)
    assert not form_is_ours(one, "")
    bearer = TOKENS.who(asking(authorization="Bearer alpha-token"), NOW)
    assert bearer is not None
    assert not form_is_ours(bearer, "")


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8080", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:9090"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
    ],
)
def test_a_page_of_another_site_is_told_apart(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(asking(**headers)) is ours
