"""Writes docs/state-machine.md from the tables: `python -m tests.jobs.diagram`."""

from collections.abc import Mapping
from pathlib import Path

from jobs.machine import PHASES, RUN, Row
from jobs.model import Phase, RunState

HEAD = """# State machine

Made from the two tables in `jobs/machine.py`; a test holds this page equal to them. An event that is not on an arrow out of a
state is refused there, by type. A run is *held* (under a worker's lease) in `running` and `delivering` only.
"""


def page() -> str:
    """The whole page."""
    runs = _diagram(RUN, RunState.QUEUED.value)
    phases = _diagram(PHASES, Phase.PREPARE.value)
    return f"{HEAD}\n## Run\n\n{runs}\n## What a worker does next\n\nEvents that leave the phase as it is are left out.\n\n{phases}"


def _diagram(table: Mapping[RunState, Row] | Mapping[Phase, Row], start: str) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for at, row in table.items():
        arrows: dict[str, list[str]] = {}
        for event, to in row.moves.items():
            arrows.setdefault(to.value, []).append(event.__name__)
        lines += [f"    {at.value} --> {to}: {', '.join(names)}" for to, names in arrows.items() if to != at.value]
        lines += [f"    {at.value} --> [*]"] if not row.moves else []
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    Path("docs/state-machine.md").write_text(page())
