"""A receiver of callbacks as others than its owner see it: scheme, host and a short name. Its address may itself be the secret. Pure."""

import hashlib
from urllib.parse import urlsplit


def site(url: str) -> str:
    """Scheme, host and port: what may be known of a receiver by anybody who sees a run that it is told of."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def name(url: str) -> str:
    """Tells the receivers of one host apart: its owner makes the same of the address, nobody makes the address of it."""
    return hashlib.sha256(url.encode()).hexdigest()[:8]


def shown(url: str) -> str:
    """A receiver in one line."""
    return f"{site(url)} ({name(url)})"
