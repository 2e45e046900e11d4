"""Reads a unified diff as git writes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_QUOTED = re.compile(rb"\\(?:([0-7]{3})|(.))")
_NAMED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line a change adds: where it stands afterwards, and its text."""

    path: str
    number: int
    text: str


def added(patch: str) -> Iterator[Line]:
    """The added lines. Lengths of hunks decide what is content, so that no content can pass for a header."""
    path, number, old, new = "", 0, 0, 0
    for line in patch.split("\n"):
        if old > 0 or new > 0:
            old, new = old - (line[:1] in (" ", "-", "")), new - (line[:1] in (" ", "+", ""))
            if line.startswith("+"):
                yield Line(path, number, line[1:])
            number += line[:1] in (" ", "+", "")
        elif match := _HUNK.match(line):
            old, number, new = int(match[1] or 1), int(match[2]), int(match[3] or 1)
        elif line.startswith("+++ "):
            path = _path(line[4:].rstrip("\t\r"))


def _path(named: str) -> str:
    """A path as a diff names it: quoted when it has unusual characters, and with a letter in front."""
    if named.startswith('"') and named.endswith('"'):
        raw = _QUOTED.sub(_unquoted, named[1:-1].encode(errors="surrogateescape"))
        named = raw.decode(errors="replace")
    return named.partition("/")[2] if named[:2] in ("b/", "w/", "i/") else named


def _unquoted(match: "re.Match[bytes]") -> bytes:
    if match[1]:
        return bytes([int(match[1], 8) & 0xFF])
    return _NAMED.get(match[2], match[2])
