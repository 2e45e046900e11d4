"""Runs and events as rows, and back. Readers accept every earlier shape of a record."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from jobs.events import EVENTS
from jobs.evidence import AgentResult, Finding, GateReport, Receipt, Snapshot
from jobs.model import Run, RunRequest
from jobs.ports import Brief
from jobs.rules import Rules, dumped

SHAPE = 1
"""The shape `projection` is written in now."""
UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For each earlier shape, what makes the next one of it."""
_APART = {"request", "rules", "lease"}


STORED: tuple[type[Any], ...] = (*EVENTS, Run, RunRequest, Brief, AgentResult, Finding, GateReport, Snapshot, Receipt)
ADAPTERS: Mapping[type[Any], TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in STORED}


def plain(value: object) -> Any:
    """A frozen dataclass as JSON data."""
    return ADAPTERS[type(value)].dump_python(value, mode="json")


def request_row(request: RunRequest, rules: Rules) -> dict[str, Any]:
    """The columns of a run that never change."""
    return {
        "intent_key": request.intent_key,
        "scope": request.repository.scope,
        "installation": request.repository.installation,
        "repository": request.repository.id,
        "full_name": request.repository.full_name,
        "item": request.source.item.value,
        "number": request.source.number,
        "delivery": request.source.delivery,
        "queue": request.queue,
        "priority": request.priority,
        "retry_of": request.retry_of,
        "request": plain(request),
        "rules": dumped(rules),
    }


def run_row(run: Run) -> dict[str, Any]:
    """The columns of a run that follow from where it stands."""
    return {
        "state": run.state.value,
        "phase": run.phase.value,
        "reason_code": run.reason.code if run.reason else None,
        "stop_requested": run.stop_requested,
        "not_before": run.not_before,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "cost_usd": run.cost_usd,
        "version": run.version,
        "projection": {"shape": SHAPE, **ADAPTERS[Run].dump_python(run, mode="json", exclude=_APART)},
    }


def run_of(row: Row[Any]) -> Run:
    """The run a row of the `run` table stands for. Without a lease: reading a run gives nobody the right to write to it."""
    stored = upgraded(dict(row.projection))
    run: Run = ADAPTERS[Run].validate_python({**stored, "request": row.request, "rules": row.rules})
    return run


def upgraded(stored: dict[str, Any]) -> dict[str, Any]:
    """A projection in the present shape. Raises ValueError for one that a newer version wrote."""
    shape = int(stored.pop("shape", 1))
    if shape > SHAPE:
        raise ValueError(f"the record has shape {shape}, this version reads up to {SHAPE}: install the newer version")
    for earlier in range(shape, SHAPE):
        stored = UPGRADES[earlier](stored)
    return stored
