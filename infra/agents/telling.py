"""What a launch left behind, put together as one result: its end, its output, its own words and its result document."""

from dataclasses import dataclass, replace

from infra.agents import verdict
from infra.agents.adapter import Adapter, End
from infra.agents.document import BadResult, Result
from infra.agents.prices import cost
from infra.agents.transcript import transcript
from infra.outputs import Outputs, lines_of
from infra.process import Captured
from jobs.evidence import AgentResult
from jobs.ports import Launch

MOST_SUMMARY = 10_000
MOST_TITLE = 300
MOST_BODY = 60_000
MOST_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class Left:
    """What is there after a launch. `document` is None when no result was written."""

    captured: Captured
    document: Result | BadResult | None
    version: str | None
    at: float


def turn_name(launch: Launch) -> str:
    """What the artifacts of a launch begin with."""
    return launch.run.turn


def told(launch: Launch, adapter: Adapter, left: Left, outputs: Outputs) -> AgentResult:
    """The whole of it. The result document says more than the output does; nothing in it can turn a failure into a success."""
    captured, mask = left.captured, outputs.text
    end = End(captured.ended, captured.exit_code, captured.stderr.tail or captured.stderr.head, captured.note, captured.outside)
    heard = adapter.parse(lines_of(captured.stdout), end)
    failure = verdict.failure(launch.step.role, end, heard, left.document)
    said = left.document if isinstance(left.document, Result) else Result()
    tokens, model = said.used or heard.tokens, heard.model or launch.agent.model
    price = heard.cost_usd if heard.cost_usd is not None else cost(adapter.provider, model, tokens)
    name = turn_name(launch)
    outputs.pour(launch.run.id, f"{name}.transcript.jsonl", transcript(lines_of(captured.stdout), adapter, outputs))
    return AgentResult(
        agent=launch.agent.name,
        ended=captured.ended,
        exit_code=captured.exit_code,
        stdout=outputs.keep(launch.run.id, f"{name}.stdout", captured.stdout),
        stderr=outputs.keep(launch.run.id, f"{name}.stderr", captured.stderr),
        duration_s=captured.duration_s,
        failure=replace(failure, text=mask(failure.text)) if failure else None,
        session_id=heard.session_id,
        version=heard.version or left.version,
        model=model,
        tokens=tokens,
        cost_usd=price if said.cost_usd is None else said.cost_usd,
        tool_calls=tuple(map(mask, heard.tool_calls)),
        summary=mask(said.summary or heard.summary)[:MOST_SUMMARY],
        title=mask(said.title)[:MOST_TITLE],
        body=mask(said.body)[:MOST_BODY],
        decision=verdict.decision(heard, left.document),
        questions=tuple(mask(question)[:MOST_TITLE] for question in said.questions[:MOST_QUESTIONS]),
        captured_at=left.at,
    )
