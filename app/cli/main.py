"""`slipway`: the table of commands, loaded one at a time so that a quick look does not pay for the whole service."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import click

from app.cli.failing import EXIT_FAILURE, EXIT_USAGE, EXPECTED, told
from app.version import VERSION


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is defined and what it does, in a line."""

    target: str
    says: str


COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Start": {
        "demo": Entry("app.cli.demo:demo", "See the whole story on this machine, nothing configured"),
        "up": Entry("app.cli.roles:up", "Everything on one machine: web, workers, keeper, Redis"),
        "web": Entry("app.cli.roles:web", "Only the web role"),
        "worker": Entry("app.cli.roles:worker", "Only a worker"),
        "keeper": Entry("app.cli.roles:keeper", "Only the keeper"),
        "run": Entry("app.cli.run:run", "One run on a local repository, without GitHub or a service"),
    },
    "Look": {
        "runs": Entry("app.cli.looking:runs", "List runs, newest first"),
        "show": Entry("app.cli.looking:show", "Everything about a run, and why it ended as it did"),
        "find": Entry("app.cli.looking:find", "The runs that an id, an address or a text belongs to"),
        "logs": Entry("app.cli.looking:logs", "What the agent and the gates printed"),
        "events": Entry("app.cli.looking:events", "What happened to a run, one line each"),
        "stats": Entry("app.cli.looking:stats", "Counts and durations over a window of time"),
    },
    "Act": {
        "stop": Entry("app.cli.acting:stop", "Stop a run"),
        "retry": Entry("app.cli.acting:retry", "Go on with a parked run, or start a final one again"),
        "approve": Entry("app.cli.acting:approve", "Say yes to a plan that waits for it"),
        "say": Entry("app.cli.acting:tell", "Tell the agent something before its next turn"),
        "pause": Entry("app.cli.acting:pause", "Let nothing new be started"),
        "resume": Entry("app.cli.acting:resume", "End a pause"),
    },
    "Care": {
        "doctor": Entry("app.cli.caring:doctor", "Check this installation, part by part"),
        "invariants": Entry("app.cli.keeping:invariants", "Check what must always hold, over the store"),
        "validate": Entry("app.cli.caring:validate", "Check a repository's .github/slipway.yml"),
        "inbox": Entry("app.cli.boxes:inbox", "The webhooks that came in"),
        "callbacks": Entry("app.cli.boxes:callbacks", "The callbacks that go out"),
        "backup": Entry("app.cli.keeping:backup", "Save the store to a file"),
        "restore": Entry("app.cli.keeping:restore", "Put a saved store back"),
        "schema": Entry("app.cli.schemas:schema", "JSON Schemas: config, api, callback, result"),
    },
}
ENTRIES: Mapping[str, Entry] = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class Slipway(click.Group):
    """The group of all commands. A command's module is imported when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.target.partition(":")
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.says) for name, entry in section.items()])


COMPLETION = """Completion of commands and run ids: eval "$(_SLIPWAY_COMPLETE=bash_source slipway)", or zsh_source, fish_source."""


@click.command(
    cls=Slipway,
    invoke_without_command=True,
    epilog=COMPLETION,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show where a bug of Slipway's own happened.")
@click.version_option(VERSION, message="%(version)s")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Turn an issue label or a PR comment into a finished, verified pull request."""
    if debug:
        sys.excepthook = sys.__excepthook__
    if ctx.invoked_subcommand is None:
        click.echo(importlib.import_module("app.cli.welcome").welcome())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for a failure, 2 for a mistake in how it was called."""
    sys.excepthook = _last_word
    try:
        code = cli.main(args=argv, prog_name="slipway", standalone_mode=False)
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("slipway: interrupted", err=True)
        return 130
    except BrokenPipeError:
        _let_go_of_stdout()
        return EXIT_FAILURE
    except EXPECTED as error:
        for line in told(error):
            click.echo(f"slipway: {line}", err=True)
        return EXIT_FAILURE
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> int:
    hint, message = "", error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" Try '{error.ctx.command_path} --help'."
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(error.ctx.command, click.Group):
        message = f"Say what to do: {' or '.join(error.ctx.command.list_commands(error.ctx))}."
    line = " ".join(message.split())
    click.echo(f"slipway: {line}{'' if line.endswith(('.', '?')) else '.'}{hint}", err=True)
    return EXIT_USAGE


def _let_go_of_stdout() -> None:
    """Whoever read our output has gone: let the interpreter flush into nothing instead of complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _last_word(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What is printed for a bug of ours: never a traceback, unless `--debug` asks for it."""
    click.echo(
        f"slipway: this is a bug in Slipway ({kind.__name__}: {error}). 'slipway --debug …' shows where; please report it.", err=True
    )


if __name__ == "__main__":
    sys.exit(main())
