"""How values look on a page of ours: tables, quotes, money, durations. No words; those are in `jobs.messages`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.text import for_markdown

MOST_QUOTE = 20_000
MOST_CELL = 200


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; cells have to be on one line already (`line`)."""
    return "\n".join(_row(cells) for cells in (head, ["---"] * len(head), *rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def line(text: str, most: int = MOST_CELL) -> str:
    """Somebody else's text as one line that does nothing and cannot leave its table cell."""
    return " ".join(for_markdown(" ".join(text.split()), most).split()).replace("|", "¦").rstrip("\\")


def sentence(text: str, most: int = 1_000) -> str:
    """Somebody else's text as one line that begins a paragraph and nothing else: no code block, heading, list or rule."""
    shown = line(text, most)
    return f"… {shown}" if shown[:1] in tuple("~`#>-+*=_") else shown


def quote(text: str, most: int = MOST_QUOTE) -> str:
    """Somebody else's text as a block quote: whatever it claims to be, it visibly is not ours."""
    lines = for_markdown(text.strip(), most).split("\n")
    return "\n".join(f"> {part}".rstrip() for part in lines)


def code(text: str, most: int = MOST_CELL) -> str:
    """Somebody else's short text in code type."""
    return f"`{line(text, most).replace('`', 'ˋ')}`"


def money(cost: float | None) -> str:
    """A cost; one that nobody knows is said to be unknown, never zero."""
    if cost is None:
        return "unknown"
    return f"${cost:.2f}" if cost >= 0.01 or cost == 0 else "under $0.01"


def duration(seconds: float) -> str:
    """A duration as a person says it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(at: float) -> str:
    """A point in time, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def paragraphs(*parts: str) -> str:
    """The parts that are not empty, with a blank line between them."""
    return "\n\n".join(part for part in parts if part)
