"""No report at all: the tail of what the gate printed, and the places it names."""

import re
from collections.abc import Iterator
from dataclasses import replace

from jobs.evidence import Finding
from jobs.gates.reports.places import placed, said
from jobs.text import visible

TAIL_LINES = 60
TAIL_CHARACTERS = 4000
MOST = 20
_LINE = re.compile(r"^\s*(?:File \")?(?P<path>[\w./@+~-]*[\w-])\"?(?:, line |:|\()(?P<line>\d{1,7})(?::\d+|,\d+)?\)?:?[ \t]*(?P<text>.*)$")
_FRAME = ", in "
"""How the rest of a traceback's frame begins; what went wrong stands on the first line after it that is not indented."""
_NAME = re.compile(r"/|\.[A-Za-z]\w*$")
"""What a path needs to be taken for one: a directory or an extension."""


def read(data: bytes, gate: str, root: str) -> tuple[Finding, ...]:
    """One finding with the tail of the output, then one for each line that names a file, a line and what is wrong there."""
    text = visible(data.decode(errors="replace"))
    tail = "\n".join(text.rstrip().split("\n")[-TAIL_LINES:])[-TAIL_CHARACTERS:].strip()
    places = list(_places(text.split("\n"), gate, root))
    whole = Finding(gate, tail or "It failed and printed nothing.")
    return (whole, *list(dict.fromkeys(places))[:MOST])


def _places(lines: list[str], gate: str, root: str) -> Iterator[Finding]:
    """What each line that names a place says; of a Python traceback, the innermost frame of ours with the exception."""
    frame: Finding | None = None
    for line in lines:
        found = _place(line, gate, root) if len(line) < 2000 else None
        if found and found.message.startswith(_FRAME):
            frame = found
        elif frame and line.strip() and not line[0].isspace():
            yield replace(frame, message=said(line))
            frame = None
        elif found:
            yield found


def _place(line: str, gate: str, root: str) -> Finding | None:
    match = _LINE.match(line)
    path = placed(match["path"], root) if match else None
    if not match or not path or not match["text"] or not _NAME.search(path):
        return None
    return Finding(gate, said(match["text"]), path, int(match["line"]))
