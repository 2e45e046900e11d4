"""Callbacks as they are shown: neither where they go nor what was answered has the address of the receiver in it. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.redact import Redactor
from jobs.receivers import name, site


def outside(row: Mapping[str, Any]) -> dict[str, Any]:
    """A callback: `url` is the site of its receiver, `receiver` the short name, and what was answered repeats neither."""
    url, said = row["url"], row["last_error"]
    return {**row, "url": site(url), "receiver": name(url), "last_error": veiled(said, url) if said else said}


def veiled(text: str, url: str) -> str:
    """What somebody said of a receiver, without the parts of its address: some servers repeat what they were asked for."""
    return _redactor(url).text(text)


@lru_cache(maxsize=256)
def _redactor(url: str) -> Redactor:
    parts = urlsplit(url)
    asked = f"{parts.path}?{parts.query}" if parts.query else parts.path
    pieces = [url, asked, parts.path, parts.query, parts.netloc.rpartition("@")[0], *parts.path.split("/")]
    pieces += [value for _, value in parse_qsl(parts.query)]
    return Redactor(dict.fromkeys(form for piece in pieces for form in (piece, unquote(piece))))
