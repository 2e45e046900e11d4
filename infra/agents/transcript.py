"""The transcript of a launch: everything its agent did and said, in the same form for all of them, one JSON object a line."""

import json
from collections.abc import Iterable, Iterator

from infra.agents.adapter import Adapter
from infra.agents.notes import Note, joined
from infra.outputs import Outputs

MOST_TEXT = 20_000
MOST_NAME = 200
MOST_NOTES = 20_000
"""Notes of one launch; whoever does more is told of in its raw output."""


def transcript(lines: Iterable[str], adapter: Adapter, outputs: Outputs) -> Iterator[str]:
    """One line for each note: `n`, `kind`, `text` and, where there is one, `tool`, `call`, `failed` and `cut` (characters left out)."""
    notes = joined(note for line in lines for note in adapter.notes(line))
    for number, note in enumerate(notes, 1):
        if number > MOST_NOTES:
            yield json.dumps({"n": number, "kind": "error", "text": f"Only the first {MOST_NOTES} notes are kept here."})
            return
        yield json.dumps(_line(number, note, outputs), ensure_ascii=False)


def _line(number: int, note: Note, outputs: Outputs) -> dict[str, object]:
    """Masked before it is cut: half a secret would not be known for one."""
    text = outputs.text(note.text)
    tool, call = (outputs.text(name)[:MOST_NAME] for name in (note.tool, note.call))
    more = {"tool": tool, "call": call, "failed": note.failed, "cut": max(0, len(text) - MOST_TEXT)}
    return {"n": number, "kind": note.kind, "text": text[:MOST_TEXT], **{name: value for name, value in more.items() if value}}
