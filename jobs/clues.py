"""What a text says about runs: every id in it that Slipway, git or GitHub gives to something of a run. Pure.

A whole comment, a log line, a commit message, an address from the browser or one bare id: all of it may be pasted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST = 20


@dataclass(frozen=True, slots=True)
class Clue:
    """An id and what it may be the id of: a key of `PATTERNS`, or `word`. `repository` is its `owner/name`, where that is said."""

    kind: str
    value: str
    repository: str | None = None


PATTERNS: Mapping[str, re.Pattern[str]] = {
    "run": re.compile(r"\b[0-9a-f]{32}\b"),
    "beginning": re.compile(r"(?:^|(?<=[-/`\s]))[0-9a-f]{8}(?=$|[`\s])"),
    "commit": re.compile(r"\b[0-9a-f]{40}\b"),
    "webhook": re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
    "callback": re.compile(r"\bmsg_[0-9a-f]{32}\b"),
    "item": re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:#|/(?:pull|issues)/)(?P<value>\d{1,18})"),
    "said": re.compile(r"(?:issuecomment-|/(?:check-)?runs/)(?P<value>\d{1,18})\b"),
    "number": re.compile(r"^#?(?P<value>\d{1,18})$"),
}
"""`beginning` is the part of a run's id that branches carry; `said` a comment or check run on the forge."""


def clues(text: str) -> tuple[Clue, ...]:
    """Every clue, each once; a single word that is no id we know the form of is taken as it is."""
    found = list(dict.fromkeys(_found(text.strip())))[:MOST]
    if not found and text.strip() and len(text.split()) == 1:
        return (Clue("word", text.strip()),)
    return tuple(found)


def _found(text: str) -> Iterator[Clue]:
    for kind, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            named = match.groupdict()
            yield Clue(kind, named.get("value", match[0]), named.get("repository"))
