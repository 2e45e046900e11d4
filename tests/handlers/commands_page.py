"""Writes docs/commands.md from the table of commands: `python -m tests.handlers.commands_page`."""

from pathlib import Path

from handlers.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
OPTIONS = {
    "agent": "which agent works: `claude`, `codex`, `opencode`, `gemini`, `command` or `scripted`, as far as the server lets it",
    "flow": "which flow is walked",
    "base": "the branch the work begins from",
    "budget": "the most the run may cost, in US dollars",
    "sha": "the head the command is about; a run on a fork's pull request needs it",
}
HEAD = """# Commands

Made from the table in `handlers/commands.py`; a test holds the two equal.

A command stands at the beginning of a line of a **new** comment on an issue or pull request, outside quotes, code and HTML comments:
`/slipway fix the failing test --budget 2`. A comment beside a line of a pull request counts as well, and is answered in its thread; the
agent is told file and line. So do the words of a review as a whole. Several in one comment are taken in order. An edited comment never
counts, and neither does anything that a bot says which the operator has not let in. `/slipway` with words that are no command is `run`.
While a run works on the item, words without a command are passed to its agent: they get 👀 and reach its next iteration.

Whoever asks needs at least the role in the table, by GitHub's own answer at that moment; `commands:` in `.github/slipway.yml` can ask for
more. The operator's server file can name users, teams and bots that are listened to (`allow`) and that are not (`block`). Both are looked
at again before anything is delivered. Who may not, hears why, and a word that is nearly a command gets a hint; `answers:` in
`.github/slipway.yml` turns that into a reaction (`react`: 😕) or into silence (`silent`).

On a pull request the head is pinned as it was when the command was given: a push in between is never worked on, and never pushed over. Work
on a fork's head needs `forks: true` and the commit by its name (`--sha`), on somebody's draft `drafts: true`; drafts of ours are open to
all who may. What cannot be pushed to the pull request itself leaves as one of ours. The agent is told what stands beside lines of the pull
request, with file and line, and what fails on its head, with the end of its log.
"""
LABELS = """
## Labels

| label | does |
|---|---|
| `slipway` | put on an issue: starts the flow `implement` |
| `slipway:fix` | put on an issue: starts the flow `fix` |
| any other | as `labels:` of `.github/slipway.yml` says |
| `slipway:running` | shows that a run is at work; taking it off stops the run |
| `slipway:done`, `slipway:failed` | show how it ended |

## Buttons of the check run

*Stop*, *Retry* and *Fix* do what the commands of those names do, and ask for the same roles; GitHub's own *Re-run* is *Retry*.
What was turned away before it began (a configuration that cannot be used) is asked for anew by a retry: the configuration is read again,
and every guard has its say.
"""


def page() -> str:
    """The whole page."""
    rows = ["| command | role | does | options |", "|---|---|---|---|"]
    for name, row in COMMANDS.items():
        words = " …" if row.text else ""
        rows.append(f"| `{name}{words}` | {row.role} | {row.help} | {' '.join(f'`--{option}`' for option in row.options)} |")
    options = ["", "## Options", "", "| option | is |", "|---|---|", *(f"| `--{name}` | {what} |" for name, what in OPTIONS.items())]
    return "\n".join([HEAD, *rows, *options]) + "\n" + LABELS


if __name__ == "__main__":
    PAGE.write_text(page())
