"""Single lines of a run: an event, and what a turn printed. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from app import view
from app.cli.screen import styled

NESTED: Mapping[str, Callable[[Any], str]] = {
    "reason": lambda reason: f"{reason['code']}: {reason['text']}",
    "result": lambda result: result["summary"] or (result["failure"] or {}).get("text", ""),
    "snapshot": lambda snapshot: f"{snapshot['commit'][:12]}, {len(snapshot['changes'])} files",
    "report": lambda report: ", ".join(f"{one['name']} {'passed' if one['passed'] else 'failed'}" for one in report["results"]),
    "receipt": lambda receipt: str(receipt["url"] or receipt["branch"]),
}
"""How the larger parts of an event are told in a few words."""
TELLING = ("step", "iteration", "agent", "worker", "actor", "text", "base", "delay", "evidence")
MOST = 160


def moment(at: float | None) -> str:
    """A point in time, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def event_line(event: Mapping[str, Any]) -> tuple[Text, ...]:
    """When, what, and what it led to."""
    return (
        styled(moment(event["at"]), "dim"),
        styled(f"  {event['type']:<22}", "head"),
        styled(f"{view.words(event['state']):<18}", event["state"]),
        styled(gist(event["payload"])),
    )


def gist(payload: Mapping[str, Any]) -> str:
    """What an event says, in a line."""
    parts = [str(payload[name]) for name in TELLING if payload.get(name)]
    parts += [told for name, tell in NESTED.items() if isinstance(payload.get(name), Mapping) and (told := tell(payload[name]))]
    line = " · ".join(" ".join(part.split()) for part in parts)
    return line if len(line) <= MOST else f"{line[: MOST - 1]}…"


def log_lines(turn: view.Turn) -> Iterator[Text]:
    """Everything a turn printed, by who printed it."""
    yield styled(
        f"── {turn.step}, attempt {turn.attempt}, turn {turn.n}: {turn.agent} {turn.how}, {view.duration(turn.duration_s)}", "head"
    )
    yield from _block("", turn.stdout)
    yield from _block("stderr", turn.stderr)
    for gate in turn.gates:
        yield styled(f"── gate {gate.name}: {'passed' if gate.passed else 'failed'}, {gate.how}", gate.state)
        yield from _block("", gate.output)


def _block(title: str, text: str) -> Iterator[Text]:
    if title and text.strip():
        yield styled(f"── {title}", "dim")
    for line in text.splitlines():
        yield styled(line)
