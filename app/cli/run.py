"""`slipway run`: one run on a repository of this machine, with nothing else needed, told while it happens."""

import os
import socket
from pathlib import Path

import click

from app import logs
from app.cli.options import json_option
from app.cli.progress import Teller
from app.cli.screen import as_json, say, styled
from app.local_run import LocalOptions, Work, begin, walked
from app.operating import name
from app.settings import from_environment
from app.wiring.ground import Ground
from app.wiring.work import Workshop
from infra.heads import LocalHeads
from jobs.errors import UserError
from jobs.model import Run, RunState

EXISTING = click.Path(exists=True, path_type=Path)
AGENTS = click.Choice(["claude", "codex", "opencode", "gemini", "command", "scripted"])


@click.command()
@click.option("--repo", type=EXISTING, default=Path(), show_default="this directory", help="The repository to work on.")
@click.option("--title", default="", help="What is to be done, in a line.")
@click.option("--body", default="", help="What is to be done, in as many lines as it takes.")
@click.option("--issue", type=EXISTING, help="A Markdown file instead: its first line is the title.")
@click.option("--flow", default="implement", show_default=True, help="The flow to walk.")
@click.option("--agent", type=AGENTS, help="The agent to use instead of the repository's.")
@click.option("--base", help="The branch to work on instead of the one checked out.")
@click.option("--to", type=EXISTING, help="The bare repository to deliver to instead of the repository itself.")
@json_option
def run(
    *, repo: Path, title: str, body: str, issue: Path | None, flow: str, agent: str | None, base: str | None, to: Path | None, json_: bool
) -> None:
    """One run on a local repository, without GitHub or a service; its branch is delivered there."""
    if issue:
        title, body = _issue(issue, title)
    if not title.strip():
        raise click.UsageError("The task needs a title: give --title, or an --issue file whose first line is one.")
    options = LocalOptions(repo, title, body, flow, agent, base, to)
    settings = from_environment()
    ground = Ground(settings, redactor=logs.configure(settings))
    try:
        _work(Workshop(ground), options, json_=json_)
    finally:
        ground.close()


def _work(shop: Workshop, options: LocalOptions, *, json_: bool) -> None:
    ground, outside = shop.ground, shop.outside
    asked = begin(options, heads=LocalHeads(outside.git), catalogue=outside.catalogue, runs=ground.runs, actor=name())
    if not json_:
        say(styled(asked.request.title, "head"), styled(f"  {asked.id}", "dim"))
    teller = Teller(ground.reading, quiet=json_)
    worker = f"{socket.gethostname()}:local:{os.getpid()}"
    with teller.watching():
        ended = walked(asked, Work(worker, ground.ledger, shop.ports), teller.told)
    if json_:
        as_json(ground.reading.run(ended.id))
    _conclude(ended, quiet=json_)


def _issue(file: Path, title: str) -> tuple[str, str]:
    """Title and body from a Markdown file."""
    first, _, rest = file.read_text(errors="replace").strip().partition("\n")
    return title or first.lstrip("# ").strip(), rest.strip()


def _conclude(run: Run, *, quiet: bool) -> None:
    if run.state is RunState.SUCCEEDED:
        if not quiet:
            _tell(run)
        return
    if run.state in (RunState.AWAITING_APPROVAL, RunState.PARKED, RunState.QUEUED):
        raise UserError(
            f"The run waits ({run.state.value}): {run.reason.text if run.reason else 'see `slipway show`'} slipway show {run.id}"
        )
    raise UserError(f"{run.reason.text if run.reason else run.state.value} See: slipway show {run.id}")


def _tell(run: Run) -> None:
    receipt = run.receipt
    say(styled(f"\n✓ {run.reason.text if run.reason else 'Done.'}", "good"))
    if receipt and receipt.branch:
        say(f"  branch  {receipt.branch}  ({receipt.sha[:10]})")
        say(f"  look    git show {receipt.branch}")
    elif run.summary:
        say(run.summary)
