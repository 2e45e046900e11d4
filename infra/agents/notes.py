"""What an agent did and said, in the same form for all of them: the lines of a transcript, and what is shown while it works."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["message", "thought", "tool", "file", "output", "error", "end"]
MOST_JOINED = 64_000


@dataclass(frozen=True, slots=True)
class Note:
    """One thing. `text` is what was said, what a tool was used on, the path of a changed file, or what a tool answered.

    `call` ties a tool's `output` to its `tool` or `file`. A `piece` is part of a message, to be joined with the pieces beside it.
    """

    kind: Kind
    text: str = ""
    tool: str = ""
    call: str = ""
    failed: bool = False
    piece: bool = False


def used(tool: str, target: str, call: str, *, changing: frozenset[str]) -> Note:
    """The use of a tool: a `file` where it is one that changes files."""
    return Note("file" if tool in changing else "tool", target, tool, call)


def joined(notes: Iterable[Note]) -> Iterator[Note]:
    """The notes with the pieces of a message as one; a message longer than `MOST_JOINED` stays in parts."""
    last: Note | None = None
    for note in notes:
        if last is not None and note.piece and len(last.text) < MOST_JOINED:
            last = replace(last, text=last.text + note.text)
            continue
        if last is not None:
            yield last
        last = note if note.piece else None
        if last is None:
            yield note
    if last is not None:
        yield last
