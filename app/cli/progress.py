"""A run as it happens: a line for each event, and on a terminal one below them that says what goes on, for how long, at what cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from app import wording
from app.cli.screen import console, styled
from app.demo.story import lines

DOING: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Claimed": lambda _: "preparing a checkout",
    "Prepared": lambda _: "starting the agent",
    "Launched": lambda payload: f"{payload['step']}, turn {payload['iteration']}: {payload['agent']} works",
    "Built": lambda _: "making a commit of what it changed",
    "Snapshotted": lambda _: "running the gates",
    "Rejected": lambda _: "handing the findings back",
    "Passed": lambda _: "on to the next step",
    "FlowFinished": lambda _: "delivering",
}
"""What goes on after an event; an event that is not here changes nothing of it."""


class Reading(Protocol):
    """What is stored of runs."""

    def events(self, run_id: str, *, after: int = 0, limit: int = ...) -> Sequence[Mapping[str, Any]]:
        """What happened after a sequence number, oldest first."""
        ...


class Teller:
    """Prints what happened since it last looked; nothing at all when `quiet`."""

    def __init__(self, reading: Reading, *, quiet: bool) -> None:
        self._reading, self._quiet = reading, quiet
        self._screen = console()
        self._after, self._cost, self._doing = 0, 0.0, "waiting"
        self._line = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(),
            console=self._screen, transient=True, disable=quiet or not self._screen.is_terminal,
        )  # fmt: skip
        self._task = self._line.add_task(self._doing, total=None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep the line that says what goes on; it is gone afterwards."""
        with self._line:
            yield

    def told(self, run_id: str) -> None:
        """Print the events stored since the last time."""
        for event in () if self._quiet else self._reading.events(run_id, after=self._after):
            self._after = event["seq"]
            self._goes_on(event)
            for style, text in lines(event):
                self._screen.print(Text.assemble(styled("  " if style == "dim" else "• ", style), styled(text, style)))

    def _goes_on(self, event: Mapping[str, Any]) -> None:
        payload = event["payload"]
        self._cost += (payload.get("result") or {}).get("cost_usd") or 0.0
        doing = DOING.get(event["type"])
        self._doing = doing(payload) if doing else self._doing
        spent = f", {wording.money(self._cost)} so far" if self._cost else ""
        self._line.update(self._task, description=styled(f"{self._doing}{spent}").plain)
