"""Any program: it reads `$SLIPWAY_BRIEF` or its standard input, changes files, and may write `$SLIPWAY_RESULT`."""

from collections.abc import Iterable, Iterator

from infra.agents.adapter import End, Heard, Setting, Start
from infra.agents.notes import Note
from jobs.ports import Launch

LAST_LINES = 20
MOST_CHARACTERS = 4000


class CommandAgent:
    """The adapter of a program the repository or the server names (`run`)."""

    program = ""
    install = ""
    version: tuple[str, ...] = ()
    minimum: tuple[int, ...] = ()
    provider = None
    memory = ""

    def start(self, launch: Launch, setting: Setting) -> Start:
        """The program as it is named; a relative path is one of the checkout."""
        return Start(launch.agent.run)

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """Without a result document the last it printed is its summary."""
        return Heard(summary=last_of(lines))

    def notes(self, line: str) -> Iterator[Note]:
        """Every line that has something in it is a message."""
        return said(line)


def said(line: str) -> Iterator[Note]:
    """A line of plain text as what it says."""
    if line.strip():
        yield Note("message", line.rstrip())


def last_of(lines: Iterable[str]) -> str:
    """The last lines that have something in them."""
    kept: list[str] = []
    for line in lines:
        if line.strip():
            kept = [*kept[1 - LAST_LINES :], line[:MOST_CHARACTERS].rstrip()]
    return "\n".join(kept)[-MOST_CHARACTERS:]
