"""Single lines of a run: an event, and what a turn printed. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from app import view, wording
from app.cli.screen import styled
from app.telling import gist


def moment(at: float | None) -> str:
    """A point in time, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def event_line(event: Mapping[str, Any]) -> tuple[Text, ...]:
    """When, what, and what it led to."""
    return (
        styled(moment(event["at"]), "dim"),
        styled(f"  {event['type']:<22}", "head"),
        styled(f"{wording.words(event['state']):<18}", event["state"]),
        styled(gist(event["payload"])),
    )


def activity_line(line: Mapping[str, Any]) -> tuple[Text, ...]:
    """What an agent at work does: when, in which step, and what."""
    kind = "bad" if line["kind"] == "error" else "dim"
    return (
        styled(moment(line["at"]), "dim"),
        styled(f"  {line['step']} {line['iteration']}  ", "dim"),
        styled(f"{line['kind']:<8}", kind),
        styled(line["text"]),
    )


def log_lines(turn: view.Turn) -> Iterator[Text]:
    """Everything a turn printed, by who printed it."""
    yield styled(
        f"── {turn.step}, attempt {turn.attempt}, turn {turn.n}: {turn.agent} {turn.how}, {wording.duration(turn.duration_s)}", "head"
    )
    yield from _block("", turn.stdout)
    yield from _block("stderr", turn.stderr)
    for gate in turn.loud_gates:
        yield styled(f"── gate {gate.name}: {'passed' if gate.passed else 'failed'}, {gate.how}", gate.state)
        yield from _block("", gate.output)


def _block(title: str, text: str) -> Iterator[Text]:
    if title and text.strip():
        yield styled(f"── {title}", "dim")
    for line in text.splitlines():
        yield styled(line)
