"""What an event says, in a line: for the command line and the dashboard alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.wording import counted

MOST = 160


def _gates(results: Sequence[Mapping[str, Any]]) -> str:
    """Which gates failed, and how many did not."""
    failed = [f"{one['name']} failed" for one in results if not one["passed"]]
    return ", ".join([*failed, f"{len(results) - len(failed)} passed"])


TELLING = {
    "step": "",
    "iteration": "turn ",
    "agent": "",
    "worker": "",
    "actor": "",
    "text": "",
    "delay": "again after (s): ",
    "evidence": "",
}
"""The plain parts worth telling, and what stands before each."""
NESTED: Mapping[str, Callable[[Any], str]] = {
    "reason": lambda reason: f"{reason['code']}: {reason['text']}",
    "result": lambda result: result["summary"] or (result["failure"] or {}).get("text", ""),
    "snapshot": lambda snapshot: f"{snapshot['commit'][:12]}, {counted(len(snapshot['changes']), 'file')}",
    "report": lambda report: _gates(report["results"]),
    "estimate": lambda one: f"estimated: {one['tokens']:,} tokens of prompt" + (f", ${one['usd']:.4f}" if one["usd"] is not None else ""),
    "receipt": lambda receipt: str(receipt["url"] or receipt["branch"]),
}
"""How the larger parts of an event are told in a few words."""


def gist(payload: Mapping[str, Any], most: int = MOST) -> str:
    """The telling parts of an event's payload."""
    parts = [f"{TELLING[name]}{payload[name]}" for name in TELLING if payload.get(name)]
    parts += [told for name, tell in NESTED.items() if isinstance(payload.get(name), Mapping) and (told := tell(payload[name]))]
    line = " · ".join(" ".join(part.split()) for part in parts)
    return line if len(line) <= most else f"{line[: most - 1]}…"
