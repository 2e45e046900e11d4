"""What an agent is told: the brief as data, and the prompt made from it."""

from collections.abc import Sequence
from dataclasses import asdict

from jobs.model import Run
from jobs.ports import Brief


def brief(run: Run, messages: Sequence[str]) -> Brief:
    """The brief of the run's present iteration."""
    return Brief(
        run=run.id,
        step=run.current.name,
        role=run.current.role,
        iteration=run.iteration,
        title=run.request.title,
        body=run.request.body,
        instructions=run.request.instructions,
        plan=run.plan,
        findings=tuple(asdict(finding) for finding in run.findings),
        messages=tuple(messages),
    )


def prompt(told: Brief) -> str:
    """The brief as text."""
    return "\n\n".join(filter(None, [told.title, told.body, told.instructions, told.plan]))
