"""Path patterns as in a `.gitignore` file, for rules that protect: a doubt is a match."""

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

from jobs.text import visible


def matches(path: str, pattern: str, *, exact: bool = False) -> bool:
    """Whether `pattern` covers `path`, whatever the case of its letters; with `exact`, only as it is spelled.

    `*` and `?` stay within a name, `**` crosses directories, a pattern without a slash matches at any depth, a leading slash means the
    root of the repository, and a pattern that covers a directory covers everything in it.
    """
    wanted = _wanted(pattern if exact else _folded(pattern))
    if not wanted:
        return False
    states = _with_skipped({0}, wanted)
    for name in _names(path if exact else _folded(path)):
        if len(wanted) in states:
            return True
        moved = {state if wanted[state] == "**" else state + 1 for state in states if fnmatchcase(name, wanted[state])}
        states = _with_skipped(moved, wanted)
    return len(wanted) in states


def stands_before(path: str, pattern: str) -> bool:
    """Whether `path` is where a directory of `pattern` belongs: a link there would bring its own files under protected names."""
    names, wanted = _names(_folded(path)), _wanted(_folded(pattern))
    return 0 < len(names) < len(wanted) and names == wanted[: len(names)]


def _folded(text: str) -> str:
    """As a careless file system would compare it: no case, no compatibility forms, nothing invisible."""
    return unicodedata.normalize("NFKC", visible(text)).casefold()


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _wanted(pattern: str) -> list[str]:
    """The names of a pattern, with `**` in front of one that may begin anywhere."""
    names = [re.sub(r"^\*{2,}$", "**", name).replace("[^", "[!") for name in _names(pattern)]
    anywhere = len(names) == 1 and not pattern.startswith("/")
    return ["**", *names] if anywhere else names


def _with_skipped(states: Iterable[int], wanted: list[str]) -> set[int]:
    """`states` and those behind a `**` that matches no name at all."""
    found = set(states)
    for state, name in enumerate(wanted):
        if state in found and name == "**":
            found.add(state + 1)
    return found
