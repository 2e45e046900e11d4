"""What `slipway show RUN --repo PATH` prints: the record a run left in a repository. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from app import wording
from app.cli.screen import styled

Record = Mapping[str, Any]


def lines(record: Record) -> Iterator[Text]:
    """Every line: what was asked for, what came of it, and what it passed."""
    yield Text.assemble(styled("● delivered", "succeeded"), "  ", styled(record.get("title", ""), "head"))
    for name, value in _facts(record):
        if value:
            yield Text.assemble(styled(f"  {name:<11}", "dim"), styled(value))
    yield from _listed("gates", (_gate(gate) for gate in _rows(record, "gates")))
    yield from _listed("changes", (styled(f"  {row.get('kind', '?'):<9} {row.get('path', '')}") for row in _rows(record, "changes")))
    if record.get("summary"):
        yield from _listed("the agent's words", (styled(f"  {line}") for line in str(record["summary"]).splitlines()))


def _facts(record: Record) -> Iterator[tuple[str, str | None]]:
    request, base = record["request"], record.get("base") or {}
    where = f"#{request['number']}" if request.get("number") else ""
    who = f"by {request['actor']}" if request.get("actor") else ""
    cost = record.get("cost_usd")
    yield "run", record["run"]
    yield "repository", record.get("repository")
    yield "asked", " ".join(filter(None, [request.get("trigger"), where, who]))
    yield "task", request.get("title")
    yield "webhook", request.get("delivery")
    yield "branch", f"{record.get('branch')} at {record.get('sha')}"
    yield "base", f"{base.get('branch')} at {base.get('sha')}"
    yield "attempt", f"{record.get('attempt')}, iteration {record.get('iteration')}"
    yield "cost", wording.money(cost) if isinstance(cost, int | float) else "unknown"


def _gate(gate: Record) -> Text:
    passed = gate.get("passed") is True
    seconds = gate.get("seconds")
    took = f"  {wording.duration(seconds)}" if isinstance(seconds, int | float) else ""
    return Text.assemble(
        styled("  ✓ " if passed else "  ✗ ", "passed" if passed else "failed"), styled(gate.get("name", "?")), styled(took, "dim")
    )


def _rows(record: Record, name: str) -> list[Record]:
    found = record.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _listed(head: str, rows: Iterator[Text]) -> Iterator[Text]:
    found = list(rows)
    if found:
        yield Text()
        yield styled(head, "head")
        yield from found
