"""Secrets are masked wherever they turn up, and ordinary text is not."""

import base64
import html
import json
import secrets
from collections.abc import Callable
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.redact import MASK, OVERLAP, WINDOW, Redactor
from infra.sieve import Sieve, literal

SECRET = "q7/Vx+9Zt2=Lm4&Kd8wB"
PEM = (
    "-----BEGIN RSA "
    + "PRIVATE KEY-----\n"
    + "\n".join("MIIEowIBAAKCAQEA" + "aB3d" * 12 for _ in range(20))
    + "\n-----END RSA PRIVATE KEY-----"
)
LONG_TOKEN = "ghs_" + ".".join(
    base64.urlsafe_b64encode(bytes(range(start, start + n))).decode().rstrip("=") for start, n in ((0, 30), (9, 240), (3, 128))
)
DISGUISES = {
    "plain": SECRET,
    "backwards": SECRET[::-1],
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
    "url": quote(SECRET, safe=""),
    "url path": quote(SECRET),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 url": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "basic": base64.b64encode(b"tok:" + SECRET.encode()).decode(),
    "basic 1": base64.b64encode(b"u:" + SECRET.encode() + b"\n").decode(),
    "basic 2": base64.urlsafe_b64encode(b"ab:" + SECRET.encode()).decode(),
}


def halves(text: str) -> list[str]:
    """Pieces of a secret long enough to matter."""
    return [text[start : start + 12] for start in range(3, len(text) - 15)]


@pytest.mark.parametrize("name", DISGUISES)
def test_a_known_secret_is_masked_in_every_encoding(name: str) -> None:
    """Proves: I11, T15, 002-13."""
    shown = Redactor([SECRET]).text(f"value={DISGUISES[name]}; done")
    assert MASK in shown
    assert not [piece for piece in halves(DISGUISES[name]) if piece in shown]
    assert shown.endswith("; done")


def test_a_key_of_many_lines_is_masked_line_by_line() -> None:
    """Proves: I11, 002-13."""
    redactor = Redactor([PEM])
    assert "aB3daB3d" not in redactor.text(f"  | {PEM.splitlines()[3]}")
    assert "aB3daB3d" not in redactor.text(json.dumps({"key": PEM}))


@pytest.mark.parametrize(
    "token",
    [
        "ghp_" + "a1B2" * 9,
        "ghs_" + "a1B2" * 9,
        LONG_TOKEN,
        "sk-ant-api03-" + "a1-_" * 20,
        "github_pat_" + "a1B2" * 15,
        ".".join(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", "c2lnbmF0dXJl"]),
        PEM,
    ],
)
def test_what_looks_like_a_secret_is_masked_whole(token: str) -> None:
    """Both forms of an installation token. Proves: F78, I11, 002-13."""
    shown = Redactor().text(f"token: {token}\nnext line")
    assert not [piece for piece in halves(token) if piece in shown]
    assert shown.endswith("next line")
    assert 300 < len(LONG_TOKEN) < 700


def test_an_unfinished_key_is_masked() -> None:
    """Proves: I11, 002-13."""
    assert "aB3d" not in Redactor().text(PEM[:400])
    assert "aB3d" not in Redactor().text(json.dumps(PEM))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x-access-token:abc@github.com/o/r.git", f"https{MASK}@github.com/o/r.git"),
        ("redis://:hunter2@localhost:6379/0", f"redis{MASK}@localhost:6379/0"),
        ("curl -H 'Authorization: Bearer abcdefgh12345678'", f"curl -H 'A{MASK}'"),
        ('{"authorization": "token abcdefgh1234"}', f'{{"a{MASK}"}}'),
    ],
)
def test_credentials_in_addresses_and_headers(text: str, shown: str) -> None:
    """Proves: T15, 002-13."""
    assert Redactor().text(text) == shown


@pytest.mark.parametrize("value", ["", "a", "true", "secret", "1234567", "password", "localhost", "production", "aaaaaaaaaaaa", "Password"])
def test_short_and_common_values_are_not_masked(value: str) -> None:
    """Proves: 002-13."""
    text = f"the {value} of the run is {value}"
    assert Redactor([value]).text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Passed 12 gates at https://example.org/a:b and http://127.0.0.1:8080/x@y",
        "commit 0123456789abcdef0123456789abcdef01234567 by a@b.example",
        "ghs_ tokens, sk-learn, task-ant-hill, eyJ and xoxo",
        "Authorization: none",
        "tokens: 1234567890",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Proves: 002-13."""
    assert Redactor([SECRET]).text(text) == text


def test_neighbours_leave_nothing_between_them() -> None:
    """Proves: I11, 002-13."""
    assert Redactor([SECRET, SECRET[4:] + "tail"]).text(f"{SECRET}tail{SECRET}") == MASK


@given(st.binary(max_size=80), st.lists(st.integers(1, 40), max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_stream_hides_what_its_edges_cut(noise: bytes, sizes: list[int]) -> None:
    """Proves: I11, F53, 002-13."""
    data = noise + SECRET.encode() + noise
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    redactor = Redactor([SECRET])
    assert b"".join(redactor.stream([*chunks, data[at:]])) == redactor.data(data)
    assert SECRET.encode() not in redactor.data(data)


@pytest.mark.parametrize("shift", [-30, -10, 0, 10])
def test_a_secret_on_the_edge_of_what_is_held_back(shift: int) -> None:
    """Proves: I11, 002-13."""
    data = b"x" * (OVERLAP + shift) + SECRET.encode() + b"y" * OVERLAP + b"https://u:" + SECRET.encode() + b"@h" + b"z" * 3 * OVERLAP
    redactor = Redactor([SECRET])
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    shown = b"".join(redactor.stream(pieces))
    assert SECRET.encode() not in shown
    assert shown == redactor.text(data.decode()).encode()


def test_bytes_of_any_encoding_come_back_as_they_were() -> None:
    data = bytes(range(256)) * 4
    assert Redactor([SECRET]).data(data) == data
    assert "grün-geheim-7".encode() not in Redactor(["grün-geheim-7"]).data("x grün-geheim-7 y".encode())


def test_a_log_event_is_masked_wherever_the_secret_hides() -> None:
    """Proves: I11, T23, 002-13."""
    log = structlog.testing.CapturingLogger()
    logger = structlog.wrap_logger(log, processors=[Redactor([SECRET]), structlog.processors.JSONRenderer()])
    error = ValueError(f"bad {SECRET}")
    logger.info(
        f"got {SECRET}", nested={"list": [SECRET, {"token": "x"}], "n": 3}, raw=SECRET.encode(), error=error, secret="short", ok=True
    )
    (call,) = log.calls
    assert SECRET not in str(call)
    assert json.loads(call.args[0])["nested"] == {"list": [MASK, {"token": MASK}], "n": 3}
    assert json.loads(call.args[0])["secret"] == MASK


def test_a_secret_added_later_is_masked_from_then_on() -> None:
    redactor = Redactor()
    assert SECRET in redactor.text(SECRET)
    redactor.add(SECRET)
    assert redactor.text(SECRET) == MASK


def test_long_secrets_that_begin_alike_are_told_apart_to_their_ends() -> None:
    first, second = (secrets.token_hex(100) for _ in range(2))
    same = secrets.token_hex(60)
    redactor = Redactor()
    redactor.add(same + first)
    assert redactor.text(f"{same}{first} {same}{second} {same}") == f"[redacted] {same}{second} {same}"
    redactor.add(same + second)
    assert redactor.text(f"{same}{first} {same}{second} {same}") == f"[redacted] [redacted] {same}"


def test_what_is_remembered_is_bounded() -> None:
    """Proves: I20."""
    redactor = Redactor(["configured-value-1"])
    for number in range(2000):
        redactor.add(f"minted-token-{number:06}")
    assert redactor.text("minted-token-001999 configured-value-1") == f"{MASK} {MASK}"
    assert redactor.text("minted-token-000000") == "minted-token-000000"


@pytest.mark.parametrize("offset", [0, 1, 7, len(SECRET) - 1, len(SECRET), len(SECRET) + 1])
def test_a_secret_at_the_edge_of_what_is_looked_at_closely_is_masked(offset: int) -> None:
    """Proves: I11, G21, 002-13."""
    for edge in (WINDOW, WINDOW + OVERLAP, 2 * WINDOW):
        text = "x" * (edge - offset) + SECRET + "y" * (3 * WINDOW)
        assert Redactor([SECRET]).text(text) == text.replace(SECRET, MASK)
        assert b"".join(Redactor([SECRET]).stream([text.encode()])) == text.replace(SECRET, MASK).encode()


def test_what_no_automaton_reads_is_looked_at_closely() -> None:
    """Proves: I11, 002-13. A lone surrogate, and more secrets than fit into one automaton."""
    assert Redactor([SECRET]).text(f"\ud800 {SECRET}") == f"\ud800 {MASK}"
    assert Redactor().text(f"\ud800 {LONG_TOKEN}") == f"\ud800 {MASK}"
    assert Sieve([literal("x" * 3_000_000)]).may_hold("anything")
    many = ["".join(f"{number:04x}{place:03x}" for place in range(900)) for number in range(60)]
    assert Redactor(many).text(f"<{many[41]}>") == f"<{MASK}>"


@given(st.text(alphabet="ab.\x00é\\[(", max_size=30), st.lists(st.text(alphabet="ab.\x00é\\[(", min_size=1, max_size=3), max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_sieve_holds_back_exactly_what_has_a_pattern_in_it(text: str, patterns: list[str]) -> None:
    assert Sieve(map(literal, patterns)).may_hold(text) is any(pattern in text for pattern in patterns)


@pytest.mark.parametrize(
    "encoded", [json.dumps, html.escape, lambda value: json.dumps(json.dumps(value)), lambda value: json.dumps(value, ensure_ascii=False)]
)
def test_a_secret_with_signs_in_it_is_known_as_it_is_written_elsewhere(encoded: Callable[[str], str]) -> None:
    """Proves: I11, 002-13."""
    secret = 'pa"ss<wörd>&1\\x\ty'
    shown = Redactor([secret, json.dumps(secret)[1:-1]]).text(encoded(secret))
    assert "wörd" not in shown
    assert "ss" not in shown
