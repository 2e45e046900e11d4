"""The commands: one table, the reading of a line against it, and the help text made from it."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from handlers import comments, words
from handlers.events import CommandGiven, Commented, Event, Mistyped, Options, Remark
from handlers.facts import Facts, Need
from handlers.grammar import Call, calls, own_words
from handlers.intents import Intent
from handlers.parsing import commented, commented_beside, reviewed
from handlers.requests import reply, seen
from jobs.rules import BUILT_IN_AGENTS

MOST_LINE = 4_000
MOST_CALLS = 10

_ALL = tuple(option.name for option in fields(Options))
_OPTION = re.compile(r"(?:--|—)([A-Za-z][^=]*)(?:=(.*))?")
_NOT_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[-./]|[./]$")


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table. `role` is the least one that may give it, unless the repository's file says otherwise.

    `text` says that words may follow; `needs` are the facts its answer reads.
    """

    role: str
    help: str
    answer: Callable[[CommandGiven, Facts], list[Intent]]
    text: bool = False
    options: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()


def list_commands(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`help`: the table, for a person."""
    return [seen(event), reply(event, help_text())]


_START = tuple(name for name in _ALL if name != "flow")
COMMANDS: Mapping[str, Command] = {
    "run": Command("write", "start a run; what follows is what it should do", comments.run, True, _ALL, comments.STARTS),
    "fix": Command("write", "start the flow `fix`", comments.run, True, _START, comments.STARTS),
    "plan": Command("write", "start the flow `plan`", comments.run, True, _START, comments.STARTS),
    "review": Command("write", "review the pull request", comments.run, True, _START, comments.STARTS),
    "approve": Command("write", "let the waiting run go on, perhaps with what follows", comments.approve, True),
    "retry": Command("write", "try the last run again", comments.retry, needs=(Need.TURNED_AWAY,)),
    "stop": Command("write", "stop the run", comments.stop),
    "status": Command("triage", "say where the run stands", comments.report),
    "logs": Command("triage", "show the end of the agent's output", comments.report),
    "pause": Command("maintain", "start nothing more in this repository", comments.pause),
    "resume": Command("maintain", "end the pause", comments.resume),
    "config": Command("triage", "show the configuration that is used here", comments.report),
    "help": Command("triage", "show this list", list_commands),
}


def on_command(event: CommandGiven, facts: Facts) -> list[Intent]:
    """What the command's row says."""
    return COMMANDS[event.command].answer(event, facts)


def commands(delivery: str, body: bytes) -> Sequence[Event]:
    """`issue_comment.created`: its commands in order, or the remark it is."""
    return _read(commented(delivery, body))


def commands_beside(delivery: str, body: bytes) -> Sequence[Event]:
    """`pull_request_review_comment.created`: as `commands`."""
    return _read(commented_beside(delivery, body))


def commands_in_review(delivery: str, body: bytes) -> Sequence[Event]:
    """`pull_request_review.submitted`: as `commands`."""
    return _read(reviewed(delivery, body))


def _read(comment: Commented) -> Sequence[Event]:
    found = calls(comment.said)
    if not found:
        return [_remark(comment)]
    if len(found) > MOST_CALLS:
        return [_mistyped(comment, 0, words.too_many_commands(len(found), MOST_CALLS))]
    return [_understood(comment, position, call) for position, call in enumerate(found)]


def help_text() -> str:
    """Every command with its options, as Markdown."""
    rows = [(name, row.text, [f"--{option}" for option in row.options], row.role, row.help) for name, row in COMMANDS.items()]
    return words.help_text(rows)


class Mistake(ValueError):
    """A line that is no command; the text is the answer."""


def understood(line: str) -> tuple[str, Options, str, bool]:
    """The command of a line, its options, its free text, and whether the command was left out. Raises Mistake."""
    if len(line) > MOST_LINE:
        raise Mistake(words.line_too_long(len(line), MOST_LINE))
    options, rest = _options(line.split())
    if not rest:
        return ("run" if options else "help"), _validated(options), "", bool(options)
    name = rest[0].lower()
    if name not in COMMANDS and len(rest) == 1:
        raise Mistake(words.unknown_command(rest[0], _nearest(name, COMMANDS)))
    named = name in COMMANDS
    command, text = (name, rest[1:]) if named else ("run", rest)
    _allowed(command, options, text)
    return command, _validated(options), " ".join(text), not named


def _understood(comment: Commented, position: int, call: Call) -> Event:
    try:
        name, options, text, free = understood(call.rest)
    except Mistake as mistake:
        return _mistyped(comment, position, str(mistake))
    below = call.below if COMMANDS[name].text else ""
    said = "\n".join(filter(None, [text, below]))
    common = _common(replace(comment, key=f"{comment.key}:{position}", said=said))
    return CommandGiven(**common, command=name, options=options, free=free)


def _mistyped(comment: Commented, position: int, answer: str) -> Mistyped:
    return Mistyped(**_common(replace(comment, key=f"{comment.key}:{position}")), answer=answer)


def _remark(comment: Commented) -> Remark:
    return Remark(**_common(replace(comment, key=f"{comment.key}:0", said=own_words(comment.said))))


def _common(comment: Commented) -> dict[str, Any]:
    return {one.name: getattr(comment, one.name) for one in fields(Commented)}


def _options(line: list[str]) -> tuple[dict[str, str], list[str]]:
    """The options anywhere in the line, and the other words; behind a lone `--` everything is words."""
    options: dict[str, str] = {}
    rest: list[str] = []
    queue = iter(line)
    for word in queue:
        match = _OPTION.fullmatch(word)
        if word == "--":
            return options, [*rest, *queue]
        if match is None:
            rest.append(word)
            continue
        name = match[1].lower()
        if name not in _ALL:
            raise Mistake(words.unknown_option(name, _nearest(name, _ALL)))
        if name in options:
            raise Mistake(words.option_twice(name))
        options[name] = _unquoted(name, match[2] if match[2] is not None else next(queue, ""))
    return options, rest


def _unquoted(name: str, value: str) -> str:
    if value[:1] in ("'", '"'):
        if len(value) < 2 or value[-1] != value[0]:
            raise Mistake(words.unbalanced(name))
        value = value[1:-1]
    if not value or value.startswith(("--", "—")):
        raise Mistake(words.value_missing(name))
    return value


def _allowed(command: str, options: Mapping[str, str], text: Sequence[str]) -> None:
    row = COMMANDS[command]
    if text and not row.text:
        raise Mistake(words.takes_no_text(command, " ".join([command, *text])))
    for name in options:
        if name not in row.options:
            raise Mistake(words.option_not_here(command, name))


def _validated(options: Mapping[str, str]) -> Options:
    return Options(
        agent=_one_of("agent", options.get("agent"), BUILT_IN_AGENTS),
        flow=_matching("flow", options.get("flow"), r"[a-z0-9][a-z0-9_-]{0,39}"),
        base=_branch(options.get("base")),
        budget=_money(options.get("budget")),
        sha=_matching("sha", options.get("sha"), r"[0-9a-f]{7,64}"),
    )


def _one_of(name: str, value: str | None, known: Sequence[str]) -> str | None:
    if value is not None and value not in known:
        raise Mistake(words.bad_value(name, value, f"one of {', '.join(known)}"))
    return value


def _matching(name: str, value: str | None, pattern: str) -> str | None:
    if value is not None and not re.fullmatch(pattern, value, re.ASCII):
        raise Mistake(words.bad_value(name, value, words.EXPECTED[name]))
    return value


def _branch(value: str | None) -> str | None:
    """A name git takes for a branch, and that is no option to any program."""
    if value is not None and (len(value) > 200 or _NOT_IN_BRANCH.search(value) or not value.isprintable()):
        raise Mistake(words.bad_value("base", value, words.EXPECTED["base"]))
    return value


def _money(value: str | None) -> float | None:
    if value is None:
        return None
    match = re.fullmatch(r"\$?(\d{1,4}(?:\.\d{1,4})?)", value, re.ASCII)
    if not match or float(match[1]) <= 0:
        raise Mistake(words.bad_value("budget", value, words.EXPECTED["budget"]))
    return float(match[1])


def _nearest(name: str, known: Sequence[str] | Mapping[str, object]) -> str | None:
    close = difflib.get_close_matches(name[:80], list(known), n=1, cutoff=0.6)
    return close[0] if close else None
