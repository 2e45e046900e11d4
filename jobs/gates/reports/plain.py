"""No report at all: the tail of what the gate printed, and the places it names."""

import re

from jobs.evidence import Finding
from jobs.gates.reports.places import placed, said
from jobs.text import visible

TAIL_LINES = 60
TAIL_CHARACTERS = 4000
MOST = 20
_LINE = re.compile(r"^\s*(?:File \")?(?P<path>[\w./@+~-]*[\w-])\"?(?:, line |:|\()(?P<line>\d{1,7})(?::\d+|,\d+)?\)?:?[ \t]*(?P<text>.*)$")
_NAME = re.compile(r"/|\.[A-Za-z]\w*$")
"""What a path needs to be taken for one: a directory or an extension."""


def read(data: bytes, gate: str, root: str) -> tuple[Finding, ...]:
    """One finding with the tail of the output, then one for each line that names a file, a line and what is wrong there."""
    text = visible(data.decode(errors="replace"))
    tail = "\n".join(text.rstrip().split("\n")[-TAIL_LINES:])[-TAIL_CHARACTERS:].strip()
    places = [found for line in text.split("\n") if len(line) < 2000 and (found := _place(line, gate, root))]
    whole = Finding(gate, tail or "It failed and printed nothing.")
    return (whole, *list(dict.fromkeys(places))[:MOST])


def _place(line: str, gate: str, root: str) -> Finding | None:
    match = _LINE.match(line)
    path = placed(match["path"], root) if match else None
    if not match or not path or not match["text"] or not _NAME.search(path):
        return None
    return Finding(gate, said(match["text"]), path, int(match["line"]))
