"""Only GitHub is believed."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.signature import Refusal, sign, verify

SECRET, OTHER = b"s" * 32, b"o" * 40


def test_the_published_example_of_github_is_believed() -> None:
    """The values of GitHub's own page on validating deliveries. Proves: T01."""
    published = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verify([b"It's a Secret to Everybody"], [published], b"Hello, World!") == 0


def test_either_of_two_secrets_is_believed_and_named() -> None:
    """Proves: 001-47, F12."""
    assert verify([SECRET, OTHER], [sign(SECRET, b"x")], b"x") == 0
    assert verify([SECRET, OTHER], [sign(OTHER, b"x")], b"x") == 1
    assert verify([OTHER], [sign(SECRET, b"x")], b"x") is Refusal.WRONG


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], Refusal.MISSING),
        ([sign(SECRET, b"x"), sign(SECRET, b"x")], Refusal.TWICE),
        ([b""], Refusal.WRONG),
        ([sign(SECRET, b"y")], Refusal.WRONG),
        ([b"sha1=" + hmac.new(SECRET, b"x", hashlib.sha1).hexdigest().encode()], Refusal.WRONG),
        ([sign(SECRET, b"x").removeprefix(b"sha256=")], Refusal.WRONG),
        ([sign(SECRET, b"x").upper()], Refusal.WRONG),
        ([sign(SECRET, b"x") + b"\n"], Refusal.WRONG),
        ([b"sha256=\xff\xfe"], Refusal.WRONG),
    ],
)
def test_anything_else_is_refused(given: list[bytes], why: Refusal) -> None:
    """Proves: F10, T01."""
    assert verify([SECRET], given, b"x") is why


def test_nothing_is_believed_without_a_secret() -> None:
    """Proves: T01."""
    assert verify([], [sign(b"", b"x")], b"x") is Refusal.WRONG


@given(st.binary(max_size=200), st.lists(st.binary(max_size=80), max_size=3))
def test_no_header_is_an_error(body: bytes, values: list[bytes]) -> None:
    """Proves: F10."""
    assert verify([SECRET], values, body) in (*Refusal, 0)
