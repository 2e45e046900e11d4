"""Reads the event streams of agents: one JSON object a line, of which nothing may be taken for granted."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
MOST_CALLS = 500
MOST_TARGET = 200


def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The objects among the lines; anything else is skipped."""
    for line in lines:
        event = read(line)
        if event is not None:
            yield event


def read(line: str) -> dict[str, Any] | None:
    """The object that a line is; None for anything else, which is told fast where it does not even begin like one."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def at(event: object, *path: str, of: type[T]) -> T | None:
    """What stands at `path` in `event`, if it is there and of that type. A bool is no number."""
    for name in path:
        if not isinstance(event, dict):
            return None
        event = event.get(name)
    return event if isinstance(event, of) and isinstance(event, bool) == (of is bool) else None


def text(event: object, *path: str) -> str:
    """As `at`, for text; empty when there is none."""
    return at(event, *path, of=str) or ""


def count(event: object, *path: str) -> int:
    """As `at`, for a whole number that cannot be negative; 0 when there is none."""
    return max(0, at(event, *path, of=int) or 0)


def amount(event: object, *path: str) -> float | None:
    """As `at`, for an amount of money. Zero is not believed: it is what is said of a model whose price nobody knows."""
    found = at(event, *path, of=float) or at(event, *path, of=int)
    return float(found) if found and 0 < found < float("inf") else None


def items(event: object, *path: str) -> list[Any]:
    """As `at`, for a list."""
    return at(event, *path, of=list) or []


def call(name: str, arguments: object, *targets: str) -> str:
    """A tool call in a few words: its name and the first of the named arguments it has."""
    return f"{name[:MOST_TARGET]} {target(arguments, *targets)[:MOST_TARGET]}".strip()


def more(found: list[T], new: Iterable[T], most: int = MOST_CALLS) -> None:
    """Add what there is room for: what an agent says it did is no reason to fill the memory."""
    found.extend(islice(new, max(0, most - len(found))))


def target(arguments: object, *names: str) -> str:
    """What a tool is used on: the first of the named arguments it has."""
    return next((text(arguments, name) for name in names if text(arguments, name)), "")


def shown(value: object) -> str:
    """A value of any type as text: what tools answer may be text, parts with text, or data."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "\n".join(part["text"] for part in value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)
