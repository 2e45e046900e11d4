"""Every word a person reads in answer to what they asked. Each says what happened and what to do.

What others wrote is made harmless on the way, and no line begins with a command of ours.
"""

from collections.abc import Iterator, Mapping, Sequence

import yaml

from jobs import receivers
from jobs.config import PATH, SERVER, Mistake
from jobs.markdown import code, line, table
from jobs.model import Run
from jobs.rules import Rules, dumped
from jobs.text import fenced, for_log

MOST_LISTED = 40
MOST_LOG = 8_000
OURS = ("from_file", "templates")
"""Of the rules: what we note about them, and no file can say."""

EXPECTED: Mapping[str, str] = {
    "flow": "the name of a flow, such as `implement`",
    "base": "the name of a branch",
    "budget": "an amount in dollars, such as `2.50`",
    "sha": "at least the first 7 characters of the pull request's head commit",
}
SEE_HELP = "`/slipway help` lists every command."

# a line that is no command


def too_many_commands(found: int, most: int) -> str:
    """More commands in one comment than are carried out."""
    return f"This comment has {found} commands; at most {most} are taken from one comment, so none of them was. Split it up."


def line_too_long(length: int, most: int) -> str:
    """A command line nobody types."""
    return f"The command line has {length} characters; at most {most} are read. Put the rest on the lines below it."


def unknown_command(word: str, near: str | None) -> str:
    """One word that is no command."""
    hint = f"Did you mean `/slipway {near}`? " if near else ""
    return f"There is no command {code(word)}. {hint}To hand a single word to an agent write {_run(word)}. {SEE_HELP}"


def _run(task: str) -> str:
    """A command of ours with somebody else's words in it; not at the start of a line."""
    return f"`/slipway run {code(task)[1:-1]}`"


def unknown_option(name: str, near: str | None) -> str:
    """An option that does not exist."""
    hint = f"Did you mean `--{near}`? " if near else ""
    return f"There is no option {code('--' + name)}, so nothing was done. {hint}Text with dashes goes behind a lone `--`. {SEE_HELP}"


def option_twice(name: str) -> str:
    """The same option twice."""
    return f"The option `--{name}` stands twice, so nothing was done. Keep one."


def unbalanced(name: str) -> str:
    """A quotation mark without its partner."""
    return f"The quotation mark after `--{name}` is not closed on the same word, so nothing was done. No value needs quotes."


def value_missing(name: str) -> str:
    """An option without a value."""
    return f"The option `--{name}` needs a value, as in `--{name}=…`; nothing was done."


def bad_value(name: str, value: str, expected: str) -> str:
    """A value that cannot be one."""
    return f"{code(value)} cannot be the value of `--{name}`: write {expected}. Nothing was done."


def option_not_here(command: str, name: str) -> str:
    """An option of another command."""
    return f"`/slipway {command}` takes no `--{name}`, so nothing was done. {SEE_HELP}"


def takes_no_text(command: str, whole: str) -> str:
    """Words behind a command that takes none: perhaps they were a task."""
    return f"`/slipway {command}` takes no words after it, so nothing was done. If they are a task, write {_run(whole)}."


def help_text(rows: Sequence[tuple[str, bool, Sequence[str], str, str]]) -> str:
    """The list of commands: name, whether text may follow, options, least role, what it does."""
    cells = [(f"`/slipway {name}{' …' if text else ''}`", role, what) for name, text, _, role, what in rows]
    return "\n\n".join(
        [
            "**What Slipway understands**, at the start of a line of a new comment:",
            table(("Command", "Least role", "What it does"), cells),
            "\n".join(_taken(rows)),
            "Without one of these words, `/slipway` and some text is a `run`; while a run works here, it is a message to its agent, "
            "and so is any other comment by somebody with write permission.",
        ]
    )


def _taken(rows: Sequence[tuple[str, bool, Sequence[str], str, str]]) -> Iterator[str]:
    """A line for all commands that take the same options; with them in the table it would be too wide for a phone."""
    for options in dict.fromkeys(tuple(row[2]) for row in rows if row[2]):
        names = ", ".join(f"`{name}`" for name, _, taken, _, _ in rows if tuple(taken) == options)
        yield f"- Options of {names}: {' '.join(f'`{option}`' for option in options)}"


def beside(path: str, line: int | None, said: str) -> str:
    """What was said beside a line, for whoever does not see the line."""
    where = code(for_log(path)) + (f" (line {line})" if line else "")
    return f"Beside {where}: {said}" if said else f"This is about {where}."


# who may not


def forbidden(login: str, wanted: str, least: str, has: str) -> str:
    """A role that is too low."""
    return (
        f"{code(login)} has the role {code(has)} here, and {wanted} needs at least {code(least)}, so nothing was done. "
        "Somebody with that role can ask for it instead."
    )


def not_admitted(login: str) -> str:
    """A user the operator did not name."""
    return f"{code(login)} is not among the users this server listens to, so nothing was done. Its operator can add them."


def too_often(who: str, most: int) -> str:
    """More than an hour takes."""
    return f"{who} asked {most} times within this hour, and that is the most this server takes. Ask again in the next hour."


def switched_off() -> str:
    """`enabled: false`."""
    return f"`{PATH}` on the default branch says `enabled: false`, so nothing was done. Take that out to use Slipway here."


# what cannot be started


def closed(noun: str) -> str:
    """The item is closed."""
    return f"This {noun} is closed, so nothing was started. Open it again, then ask again."


def only_on_pull(what: str) -> str:
    """An issue where a pull request is needed."""
    return f"{what} needs a pull request, and this is an issue, so nothing was started. Ask on the pull request."


def base_is_given() -> str:
    """`--base` on a pull request."""
    return "A pull request has its base already, so `--base` means nothing here and nothing was started. Leave it out."


def fork_refused() -> str:
    """A fork's head, and the repository does not take them."""
    return (
        "The head of this pull request is in another repository, and this one does not work on those, so nothing was started. "
        f"`forks: true` in `{PATH}` would allow it."
    )


def fork_needs_sha(head: str) -> str:
    """A fork's head has to be named by whoever vouches for it."""
    return f"The head of this pull request is in another repository. Look at `{head}`, then name it: `--sha {head}`. Nothing was started."


def nothing_to_review() -> str:
    """A merged pull request has no head any more that anything could be said about."""
    return "This pull request is merged, so there is nothing to look at, and nothing was started. Ask for a change instead."


def draft_refused() -> str:
    """Somebody's draft, and the repository does not take them."""
    return (
        "This pull request is a draft, and this repository does not work on those of others, so nothing was started. "
        f"Mark it as ready for review, then ask again; `drafts: true` in `{PATH}` would allow it."
    )


def head_is(sha: str, head: str) -> str:
    """The named commit is not the head."""
    return f"{code(sha)} is not the head of this pull request any more: that is `{head}`. Look at it, then ask again. Nothing was started."


def over_budget(asked: float, most: float) -> str:
    """More money than a run here may cost."""
    return f"`--budget {asked:g}` is more than the ${most:g} a run may cost here (`limits.cost_usd`), so nothing was started. Ask for less."


def unknown_flow(name: str, known: Sequence[str]) -> str:
    """A flow nobody defined."""
    return f"There is no flow {name!r} here. Use one of {', '.join(known)}, or define it in {PATH}."


def unknown_agent(name: str, known: Sequence[str]) -> str:
    """An agent that cannot be asked for here."""
    return f"The agent {name!r} cannot be used here. Use one of {', '.join(known)}."


def config_invalid(mistakes: Sequence[Mistake]) -> str:
    """Every mistake of the configuration, a sentence for each file that has some, and who can correct it there."""
    return " ".join(
        f"{_file(home, PATH)} cannot be used: {'; '.join(one.said.removesuffix('.') for one in those)}. {_mending(home)}."
        for home, those in _by_home(mistakes)
    )


def mistaken_elsewhere(mistake: Mistake) -> str:
    """A mistake that a check run cannot show beside a line."""
    return f"{mistake} - nothing in this repository's own {PATH} is wrong in this, so no line of it is marked"


def config_mistakes(mistakes: Sequence[Mistake]) -> str:
    """Every mistake of the configuration, as a list for each file that has some."""
    return "\n\n".join(_listed(home, those) for home, those in _by_home(mistakes))


def _listed(home: str, mistakes: Sequence[Mistake]) -> str:
    items = [f"- {line(one.said, 500)}" for one in mistakes[:MOST_LISTED]]
    more = [f"- and {len(mistakes) - MOST_LISTED} more"] if len(mistakes) > MOST_LISTED else []
    head = f"{_file(home, f'`{PATH}`')} cannot be used, so nothing was done:"
    return "\n".join([head, "", *items, *more, "", f"{_mending(home)}, then ask again."])


def _by_home(mistakes: Sequence[Mistake]) -> list[tuple[str, list[Mistake]]]:
    """The mistakes of each file, the repository's own first."""
    return [(home, [one for one in mistakes if one.home == home]) for home in sorted({one.home for one in mistakes})]


def _file(home: str, path: str) -> str:
    if home == SERVER:
        return "What the server file says of every repository"
    return f"{path} of {home}, which counts for all repositories of {home.partition('/')[0]}," if home else f"{path} on the default branch"


def _mending(home: str) -> str:
    """Who has to do what; the end of the sentence is the caller's."""
    if home == SERVER:
        return "The operator of this server has to correct it"
    return f"Somebody who may write to {home} has to correct it there" if home else "Correct it there"


# small answers


def paused() -> str:
    """The answer to `pause`."""
    return "Slipway starts nothing more in this repository; what runs now, finishes. `/slipway resume` ends the pause."


def resumed() -> str:
    """The answer to `resume`."""
    return "The pause is over: Slipway starts what is asked for in this repository again."


def nothing_here(what: str) -> str:
    """A command about a run, and there is none."""
    return f"There is no run on this item {what}. `/slipway run …` starts one."


def logs(run: Run, page: str | None) -> str:
    """The end of what the last agent said, and where the rest is."""
    result = run.last_result
    if result is None:
        follow = (
            f"[Its page]({page}) shows what one says while it works." if page else f"`slipway logs -f {run.id}` follows the one at work."
        )
        return f"No agent of run `{run.short}` has ended yet, so there is no output to show. {follow}"
    where = f" The whole of it is on [its page]({page})." if page else f" `slipway logs {run.id}` shows the whole of it."
    said = "\n".join(filter(None, [result.stdout.text, result.stderr.text])) or result.summary or "(nothing)"
    return (
        f"The end of what {code(result.agent)} said in run `{run.short}`:\n\n{fenced(said[-MOST_LOG:], MOST_LOG + 100)}\n\n{where.strip()}"
    )


def config_in_use(rules: Rules) -> str:
    """The configuration, whole but for the addresses of receivers: some come from a file that not everybody here may read."""
    where = f"from `{PATH}` on the default branch" if rules.from_file else f"the defaults, for there is no `{PATH}` on the default branch"
    told = {**dumped(rules), "callbacks": [{**rule.model_dump(mode="json"), "url": receivers.shown(rule.url)} for rule in rules.callbacks]}
    shown = yaml.safe_dump({key: value for key, value in told.items() if key not in OURS}, sort_keys=False, allow_unicode=True)
    block = f"<details><summary>Every key with its value</summary>\n\n{fenced(shown, MOST_LOG)}\n\n</details>"
    return f"The configuration used here ({where}):\n\n{block}"
