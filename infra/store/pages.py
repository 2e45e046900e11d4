"""A run as JSON, in the contract's words: made of its rows, without looking anything up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from infra.receivers import outside
from infra.store.values import plain
from jobs.model import FINAL, Run, RunState
from jobs.rules import StepRule

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is stored beside the run: attempts, iterations, callbacks and the names of artifacts."""

    attempts: Rows = ()
    iterations: Rows = ()
    callbacks: Rows = ()
    artifacts: Sequence[str] = ()


def page(run: Run, evidence: Evidence, *, position: int = 0, pinned: bool = False) -> dict[str, Any]:
    """The whole page. Times are seconds since the epoch; what is not known is null, never zero."""
    return {
        **head(run),
        "instructions": run.request.instructions,
        "plan": run.plan,
        "summary": run.summary,
        "findings": [plain(finding) for finding in run.findings],
        "stop_requested": run.stop_requested,
        "not_before": run.not_before or None,
        "position": position or None,
        "pinned": pinned,
        "steps": steps(run, evidence),
        "callbacks": [_callback(row) for row in evidence.callbacks],
        "artifacts": list(evidence.artifacts),
    }


def head(run: Run) -> dict[str, Any]:
    """What a listing needs of a run."""
    receipt = run.receipt
    return {
        "id": run.id,
        "state": run.state.value,
        "phase": run.phase.value,
        "reason": {"code": run.reason.code, "text": run.reason.text, "class": run.reason.kind.value} if run.reason else None,
        "flow": run.request.flow,
        "repository": run.repository.full_name,
        "scope": run.repository.scope,
        "title": run.request.title,
        "source": _source(run),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "step": run.step or next((rule.name for rule in _walked(run)), ""),
        "attempt": run.attempt,
        "iteration": run.iteration,
        "base_sha": run.base_sha,
        "delivery": plain(receipt) if receipt else None,
        "check_run": run.check_run,
        "cost": {"usd": run.cost_usd, "tokens": run.tokens},
        "retry_of": run.request.retry_of,
        "links": _links(run),
    }


def steps(run: Run, evidence: Evidence) -> list[dict[str, Any]]:
    """The steps of the run's flow in the order they are walked, each with its attempts and their iterations."""
    found = []
    for rule in _walked(run):
        agent = run.rules.agent_of(rule, run.request.agent).name
        turns = [row for row in evidence.iterations if row["step"] == rule.name]
        found.append(
            {
                "name": rule.name,
                "role": rule.role,
                "agent": agent,
                "state": step_state(run, rule.name),
                "attempts": _attempts(evidence, turns, idle=rule.name == run.current.name),
            }
        )
    return found


def _walked(run: Run) -> tuple[StepRule, ...]:
    """The steps of the run's flow; none where nobody defined it: that run was rejected, and is shown like any other."""
    return run.rules.flow(run.request.flow).order if run.request.flow in run.rules.flow_names else ()


def step_state(run: Run, name: str) -> str:
    """`waiting`, `running`, `done`, `skipped`, or what the run came to in this step."""
    order = [rule.name for rule in _walked(run)]
    here, there = order.index(name), order.index(run.current.name)
    if here < there or run.state in {RunState.SUCCEEDED, RunState.AWAITING_CI, RunState.DELIVERING}:
        return "done"
    if here > there:
        return "skipped" if run.state in FINAL else "waiting"
    return run.state.value


def _attempts(evidence: Evidence, turns: Rows, *, idle: bool) -> list[dict[str, Any]]:
    """The attempts that launched something in a step; the present step also shows those that launched nothing anywhere."""
    by_attempt = {
        n: list(rows) for n, rows in groupby(sorted(turns, key=lambda row: (row["attempt"], row["id"])), lambda row: row["attempt"])
    }
    launched = {row["attempt"] for row in evidence.iterations}
    shown = [row for row in evidence.attempts if row["n"] in by_attempt or (idle and row["n"] not in launched)]
    return [_attempt(row, by_attempt.get(row["n"], [])) for row in shown]


def _attempt(row: Mapping[str, Any], turns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    told = {name: row[name] for name in ("n", "worker", "started_at", "launched_at", "ended_at", "outcome")}
    return {**told, "iterations": [_iteration(turn) for turn in turns]}


def _iteration(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("n", "attempt", "role", "agent", "launched_at", "ended_at", "decision")}
    result, snapshot = row.get("result"), row.get("snapshot")
    return {
        **told,
        "brief": row.get("brief"),
        "result": result,
        "report": row.get("report"),
        "snapshot": snapshot,
        "sha": snapshot["commit"] if snapshot else None,
        "cost_usd": result["cost_usd"] if result else None,
    }


def _callback(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("id", "type", "state", "tries", "next_at", "last_status", "last_error", "created_at", "sent_at")}
    return outside({**told, "url": row["url"]})


def _source(run: Run) -> dict[str, Any]:
    source = run.request.source
    return {
        "trigger": source.trigger,
        "item": source.item.value,
        "number": source.number,
        "actor": source.actor.login if source.actor else None,
        "permission": source.actor.permission if source.actor else None,
        "delivery": source.delivery,
        "comment": source.comment,
        "url": source.url,
    }


def _links(run: Run) -> dict[str, Any]:
    here = f"/api/v1/runs/{run.id}"
    return {
        "self": here, "events": f"{here}/events", "page": f"/runs/{run.id}", "item": run.request.source.url,
        "pull": run.receipt.url if run.receipt else None, "check": _check(run),
    }  # fmt: skip


def _check(run: Run) -> str | None:
    """The check run's page on GitHub: beside the item the run was asked for on."""
    name = run.repository.full_name
    site, found, _ = (run.request.source.url or "").partition(f"{name}/")
    return f"{site}{name}/runs/{run.check_run}" if found and run.check_run else None
