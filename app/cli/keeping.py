"""The commands that keep a store safe: backup and restore."""

from pathlib import Path

import click

from app.cli.opening import opened
from app.cli.options import json_option
from app.cli.screen import as_json, say
from app.settings import from_environment
from infra.clock import SystemClock
from infra.store import safekeeping

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@FILE
@json_option
def backup(file: Path, json_: bool) -> None:
    """Save the store to FILE while it is in use. The copy is checked before it counts."""
    with opened() as store:
        safekeeping.backup(store.engine, file)
    if json_:
        as_json({"backup": str(file.resolve()), "bytes": file.stat().st_size})
    else:
        say(f"saved to {file} ({file.stat().st_size / 1e6:.1f} MB)")


@click.command()
@FILE
@json_option
def restore(file: Path, json_: bool) -> None:
    """Put the store of FILE back. Everything is paused afterwards, until somebody has looked and said 'slipway resume'."""
    settings = from_environment()
    url = None if settings.database_url.startswith("sqlite") else settings.database_url
    kept = safekeeping.restore(settings.data_dir, file, at=SystemClock().now(), url=url)
    if json_:
        as_json({"restored": str(file.resolve()), "kept": str(kept) if kept else None})
        return
    say(f"restored from {file}" + (f"; the store that was there is kept as {kept}" if kept else ""))
    say("Everything is paused. Start the service, look at 'slipway runs', then: slipway resume")
