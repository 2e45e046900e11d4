"""The commands that act on runs: the same transitions as the comment commands. Each takes a whole id and nothing shorter."""

import secrets
from collections.abc import Callable

import click

from app import operating
from app.cli.opening import Opened, opened
from app.cli.options import json_option, run_argument
from app.cli.screen import as_json, say, styled
from jobs.errors import UserError
from jobs.model import Run


def _act(run_id: str, json_: bool, act: Callable[[Opened], Run], told: str) -> None:
    with opened() as store:
        try:
            run = act(store)
        except KeyError as error:
            raise UserError(f"there is no run {run_id!r}: give the whole id; 'slipway runs' lists them") from error
        page = store.reading.run(run.id)
    if json_:
        as_json(page)
    else:
        say(f"{told} ", styled(run.id, "dim"), " is ", styled(run.state.value.replace("_", " "), run.state.value))


@click.command()
@run_argument
@click.option("--why", default="", help="A reason for others to read.")
@json_option
def stop(run_id: str, why: str, json_: bool) -> None:
    """Stop a run. One that is being worked on ends within seconds."""
    _act(
        run_id,
        json_,
        lambda store: store.runs.stop(run_id, operating.name(), why or f"Stopped on the command line by {operating.name()}."),
        "run",
    )


@click.command()
@run_argument
@json_option
def retry(run_id: str, json_: bool) -> None:
    """Go on with a parked or waiting run; start a final one again as a new run."""
    key = f"cli:retry:{run_id}:{secrets.token_hex(8)}"
    _act(run_id, json_, lambda store: store.runs.retry(run_id, operating.again(store.runs.get(run_id).request.source), key)[0], "run")


@click.command()
@run_argument
@click.argument("text", default="")
@json_option
def approve(run_id: str, text: str, json_: bool) -> None:
    """Say yes to a plan that waits for it, perhaps with a change in TEXT."""
    _act(run_id, json_, lambda store: store.runs.approve(run_id, operating.name(), text), "run")


@click.command("say")
@run_argument
@click.argument("text")
@json_option
def tell(run_id: str, text: str, json_: bool) -> None:
    """Tell the agent TEXT before its next turn."""
    if not text.strip():
        raise click.UsageError('say something: slipway say RUN "text"')
    _act(run_id, json_, lambda store: store.runs.say(run_id, operating.name(), text), "told; run")


@click.command()
@click.option("--repo", metavar="OWNER/NAME", help="Only this repository.")
@click.option("--why", default="", help="A reason for others to read.")
@json_option
def pause(repo: str | None, why: str, json_: bool) -> None:
    """Let nothing new be started. What runs goes on to its end."""
    with opened() as store:
        scope = store.scope_of(repo)
        store.runs.pause(scope, operating.name(), why or f"paused on the command line by {operating.name()}")
    _told(json_, "paused", repo)


@click.command()
@click.option("--repo", metavar="OWNER/NAME", help="Only this repository.")
@json_option
def resume(repo: str | None, json_: bool) -> None:
    """End a pause."""
    with opened() as store:
        paused = store.runs.resume(store.scope_of(repo))
    if json_:
        as_json({"resumed": repo or "*", "was_paused": paused})
    else:
        say(f"resumed: {repo or 'everything'}" if paused else f"{repo or 'everything'} was not paused as a whole: nothing to resume")


def _told(json_: bool, what: str, repo: str | None) -> None:
    if json_:
        as_json({what: repo or "*"})
    else:
        say(f"{what}: {repo or 'everything'}")
