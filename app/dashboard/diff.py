"""A unified diff as lines that can be shown, with what was found about a line beneath it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.view import Finding

MOST_LINES = 300
MOST_SIGNS = 13_000
LONGEST = 300
KINDS = (("diff --git", "file"), ("+++", "head"), ("---", "head"), ("@@", "hunk"), ("+", "add"), ("-", "del"))
HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and where it is in the new file (`number` is None where it is in none)."""

    kind: str
    text: str
    path: str = ""
    number: int | None = None
    notes: tuple[Finding, ...] = ()


def lines(text: str, findings: Sequence[Finding] = ()) -> list[Line]:
    """The lines, each with the findings about it, and at the end how many were left out. A page stays small: the artifact has them all."""
    whole = list(_placed([line for line in text.splitlines() if not line.startswith("index ")]))
    shown = whole[: _fitting(whole)]
    noted = [replace(line, notes=tuple(one for one in findings if _about(one, line))) for line in shown]
    left = len(whole) - len(shown)
    return [*noted, Line("hunk", f"… {left} more lines: the artifact has them all")] if left else noted


def _fitting(whole: Sequence[Line]) -> int:
    """How many of the lines fit on a page."""
    signs = 0
    for count, line in enumerate(whole[:MOST_LINES]):
        signs += len(line.text)
        if signs > MOST_SIGNS:
            return count
    return min(len(whole), MOST_LINES)


def _about(finding: Finding, line: Line) -> bool:
    return line.number is not None and finding.line == line.number and finding.path == line.path


def _placed(whole: Sequence[str]) -> Iterator[Line]:
    """A line that looks like a file's head is one only before the first hunk of that file."""
    path, number, in_hunk = "", 0, False
    for text in whole:
        kind = next((name for start, name in KINDS if text.startswith(start)), "same")
        if kind == "head" and in_hunk:
            kind = "add" if text.startswith("+") else "del"
        if kind == "head" and text.startswith("+++ "):
            path = text.removeprefix("+++ ").removeprefix("b/")
        if kind == "hunk" and (found := HUNK.match(text)):
            number = int(found[1])
        in_hunk = kind == "hunk" or (in_hunk and kind != "file")
        here = number if in_hunk and kind in {"add", "same"} else None
        yield Line(kind, text if len(text) <= LONGEST else f"{text[:LONGEST]} …", path, here)
        number += here is not None
