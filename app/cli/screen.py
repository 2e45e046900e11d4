"""How things look on a terminal: colour and tables for a person, plain lines for a pipe, and nothing an agent could smuggle in."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

NARROW = 120
STYLES = {
    "queued": "blue", "running": "cyan", "delivering": "cyan", "awaiting_approval": "magenta", "awaiting_ci": "magenta",
    "parked": "yellow", "succeeded": "green", "failed": "red", "cancelled": "bright_black", "rejected": "red",
    "pending": "blue", "sent": "green", "done": "green", "ignored": "bright_black", "dead": "red",
    "passed": "green", "good": "green", "bad": "red", "warn": "yellow", "dim": "bright_black", "head": "bold",
}  # fmt: skip


def plain(text: object) -> str:
    """`text` without what could move the cursor, change colours or reorder the line."""
    return "".join(sign for sign in str(text) if sign in "\n\t" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co"})


def console() -> Console:
    """The terminal, or the pipe, we write to. Rich itself honours NO_COLOR and a dumb terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def styled(text: object, style: str | None = None) -> Text:
    """Text in one of `STYLES`."""
    return Text(plain(text), style=STYLES.get(style or "", ""))


def say(*parts: Text | str) -> None:
    """One line."""
    console().print(Text.assemble(*(part if isinstance(part, Text) else plain(part) for part in parts)))


def as_json(value: Any) -> None:
    """`value` on standard output as JSON: indented for a person, one line for a pipe."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def table(heads: Sequence[str], rows: Iterable[Sequence[Text | str]], *, empty: str, brief: Sequence[int] = ()) -> None:
    """A table for a person; lines of tab separated cells for a pipe. On a narrow screen only the `brief` columns, if there are any."""
    lines = [[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row] for row in rows]
    screen = console()
    if not screen.is_terminal:
        for line in lines:
            click.echo("\t".join(" ".join(cell.plain.split()) for cell in line))
    elif not lines:
        click.echo(empty)
    elif brief and screen.width < NARROW:
        screen.print(_drawn([heads[at] for at in brief], [[line[at] for at in brief] for line in lines]))
    else:
        screen.print(_drawn(heads, lines))


def marked(rows: Iterable[tuple[Text, str, Text]]) -> None:
    """A mark, a name and a sentence a line; on a terminal a long sentence goes on below itself."""
    lines = [(mark, Text(plain(name)), text) for mark, name, text in rows]
    wide = max((name.cell_len for _, name, _ in lines), default=0)
    screen = console()
    if not screen.is_terminal:
        for mark, name, text in lines:
            click.echo(f"{mark.plain} {name.plain:<{wide}} {text.plain}")
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, min_width=wide)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*line)
    screen.print(grid)


def _drawn(heads: Sequence[str], lines: Sequence[Sequence[Text]]) -> Table:
    """The first column is never cut, since ids have to be whole; the last one gives way first."""
    drawn = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 2, 0, 0))
    widest = max(line[0].cell_len for line in lines)
    for number, head in enumerate(heads):
        drawn.add_column(head, no_wrap=number < len(heads) - 1, min_width=widest if number == 0 else None)
    for line in lines:
        drawn.add_row(*line)
    return drawn
