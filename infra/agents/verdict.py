"""What a launch is believed to have come to. Exit code 0 is not success by itself. Pure."""

import re

from infra.agents.adapter import OPEN_END, End, Heard
from infra.agents.document import BadResult, Result
from jobs.errors import Class, Reason
from jobs.evidence import Ended, Failure
from jobs.text import visible

DECISIONS = ("approve", "reject")
ENDINGS = {
    Ended.STOPPED: Failure("agent_killed", "The agent was stopped because the run was."),
    Ended.TIMEOUT: Failure(
        "agent_timeout", "The agent used up its time and was ended. Ask for less at once, or raise `limits.wall` or `limits.build`."
    ),
    Ended.IDLE: Failure(
        "agent_idle", "The agent said nothing for too long and was ended. Find out what it waited for, or raise `limits.idle`."
    ),
    Ended.OUTPUT: Failure("agent_output", "The agent printed more than `limits.output_bytes` allows and was ended."),
    Ended.KILLED: Failure(
        "agent_killed", "The agent was killed: by itself, over a limit (`limits.memory`), or by somebody else on its machine."
    ),
}
BY_SIGNAL = (137, 143)
NOT_FOUND = 127
_DECISION = re.compile(r"^[\W_]*decision[\W_]*?:[\W_]*(\w+)[\W_]*$", re.IGNORECASE | re.MULTILINE)


def failure(role: str, end: End, heard: Heard, result: Result | BadResult | None) -> Failure | None:
    """Why the launch does not count as done; None when it is believed."""
    admitted = heard.failure
    if end.ended is not Ended.EXIT:
        return admitted if admitted and _is_providers(admitted, end) else _ended(end)
    if admitted and not (admitted == OPEN_END and end.exit_code):
        return admitted
    if end.exit_code:
        return _exit(end.exit_code, end.stderr)
    if isinstance(result, BadResult):
        return Failure("bad_result", f"What the agent wrote to $SLIPWAY_RESULT cannot be used: {result}.")
    return _undecided(heard, result) if role == "reviewer" else None


def _ended(end: End) -> Failure:
    if end.ended is Ended.KILLED and end.outside:
        return Failure("killed_outside", f"{end.outside} The run waits a little and then lets the agent begin this turn anew.")
    ending = ENDINGS[end.ended]
    return Failure(ending.code, f"The agent was killed. {end.note}") if end.ended is Ended.KILLED and end.note else ending


def decision(heard: Heard, result: Result | BadResult | None) -> str | None:
    """What was decided: in the result document, else in the last line of that kind of what was said."""
    if isinstance(result, Result) and result.decision is not None:
        return result.decision.strip().lower()[:50]
    said = _DECISION.findall(heard.summary)
    return str(said[-1]).lower()[:50] if said else None


def _undecided(heard: Heard, result: Result | BadResult | None) -> Failure | None:
    found = decision(heard, result)
    if found in DECISIONS:
        return None
    said = f"it said {found!r}" if found else "it said nothing"
    return Failure("unknown_decision", f"A reviewer has to decide `approve` or `reject`; {said}.")


def _is_providers(failure: Failure, end: End) -> bool:
    """Whether an agent that had to be ended was waiting for its provider all the while."""
    return end.ended is not Ended.STOPPED and Reason(failure.code, "").kind is Class.PROVIDER


def _exit(code: int, stderr: str) -> Failure:
    if code in BY_SIGNAL:
        return ENDINGS[Ended.KILLED]
    if code == NOT_FOUND:
        return Failure("agent_missing", f"The agent's program was not found. {_last_words(stderr)}".strip())
    return Failure("agent_failed", f"The agent ended with exit code {code}. {_last_words(stderr)}".strip())


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in visible(stderr).split("\n") if line.strip()]
    return f"The last it said: {lines[-1][:300]}" if lines else ""
