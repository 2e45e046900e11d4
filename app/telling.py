"""What an event says, in a line: for the command line and the dashboard alike."""

from collections.abc import Callable, Mapping
from typing import Any

MOST = 160
TELLING = ("step", "iteration", "agent", "worker", "actor", "text", "delay", "evidence")
NESTED: Mapping[str, Callable[[Any], str]] = {
    "reason": lambda reason: f"{reason['code']}: {reason['text']}",
    "result": lambda result: result["summary"] or (result["failure"] or {}).get("text", ""),
    "snapshot": lambda snapshot: f"{snapshot['commit'][:12]}, {len(snapshot['changes'])} files",
    "report": lambda report: ", ".join(f"{one['name']} {'passed' if one['passed'] else 'failed'}" for one in report["results"]),
    "receipt": lambda receipt: str(receipt["url"] or receipt["branch"]),
}
"""How the larger parts of an event are told in a few words."""


def gist(payload: Mapping[str, Any], most: int = MOST) -> str:
    """The telling parts of an event's payload."""
    parts = [str(payload[name]) for name in TELLING if payload.get(name)]
    parts += [told for name, tell in NESTED.items() if isinstance(payload.get(name), Mapping) and (told := tell(payload[name]))]
    line = " · ".join(" ".join(part.split()) for part in parts)
    return line if len(line) <= most else f"{line[: most - 1]}…"
