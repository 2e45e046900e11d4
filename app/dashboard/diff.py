"""A unified diff as lines that can be shown."""

from collections.abc import Iterator
from itertools import islice

MOST_LINES = 3_000
KINDS = (("diff --git", "file"), ("+++", "head"), ("---", "head"), ("@@", "hunk"), ("+", "add"), ("-", "del"))


def lines(text: str, most: int = MOST_LINES) -> list[tuple[str, str]]:
    """(kind, line) for each line, and at the end how many were left out."""
    whole = [line for line in text.splitlines() if not line.startswith("index ")]
    shown = list(islice(_kinds(whole), most))
    return shown if len(whole) <= most else [*shown, ("hunk", f"… {len(whole) - most} more lines: the artifact has them all")]


def _kinds(whole: list[str]) -> Iterator[tuple[str, str]]:
    """A line that looks like a file's head is one only before the first hunk of that file."""
    in_hunk = False
    for line in whole:
        kind = next((name for start, name in KINDS if line.startswith(start)), "same")
        if kind == "head" and in_hunk:
            kind = "add" if line.startswith("+") else "del"
        in_hunk = kind == "hunk" or (in_hunk and kind != "file")
        yield kind, line
