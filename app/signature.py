"""Whether a request comes from GitHub: HMAC-SHA256 over the raw bytes, and nothing else.

The old SHA-1 header is not looked at, so that nobody can choose it. Values are compared as bytes in constant time.
"""

import hmac
from collections.abc import Sequence
from enum import StrEnum

HEADER = b"x-hub-signature-256"
LEAST_SECRET = 32


class Refusal(StrEnum):
    """Why a signature is not believed."""

    MISSING = "the signature is missing"
    TWICE = "there is more than one signature"
    WRONG = "the signature is wrong"


def verify(secrets: Sequence[bytes], given: Sequence[bytes], body: bytes) -> int | Refusal:
    """The index of the secret that signed `body`, or the refusal. `given` are all values of the signature header.

    Without a secret nothing is ever believed.
    """
    if not given:
        return Refusal.MISSING
    if len(given) > 1:
        return Refusal.TWICE
    for index, secret in enumerate(secrets):
        if hmac.compare_digest(given[0], sign(secret, body)):
            return index
    return Refusal.WRONG


def sign(secret: bytes, body: bytes) -> bytes:
    """The header value GitHub would send."""
    return b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()
