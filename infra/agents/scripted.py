"""The built-in agent that is no model: a program of ours that follows a script in the task, for the demo and for tests."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.agents.adapter import INSIDE, End, Heard, Setting, Start
from infra.agents.command import last_of, said
from infra.agents.notes import Note
from jobs.ports import Launch

SOURCE = Path(__file__).with_name("scripted_program.py")
PROGRAM = f"{INSIDE}/scripted_program.py"


class Scripted:
    """The adapter of `scripted_program.py`. `run` may name a script in the checkout."""

    program = ""
    install = ""
    version: tuple[str, ...] = ()
    minimum: tuple[int, ...] = ()
    provider = None
    memory = ""

    def start(self, launch: Launch, setting: Setting) -> Start:
        """The sandbox's own Python, on a copy of the program."""
        return Start((python(), "-I", "-S", PROGRAM, *launch.agent.run[:1]), files={PROGRAM: SOURCE.read_text()})

    def parse(self, lines: Iterable[str], end: End) -> Heard:
        """It writes a result document, unless told not to."""
        return Heard(summary=last_of(lines))

    def notes(self, line: str) -> Iterator[Note]:
        """What it prints is meant for people."""
        return said(line)


def python() -> str:
    """The interpreter every sandbox sees."""
    return str(Path(sys.base_prefix).resolve() / "bin" / Path(sys.executable).resolve().name)
