"""The commands that keep a store safe: backup, restore, and the check of what must always hold."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from app.cli.opening import Opened, opened
from app.cli.options import json_option
from app.cli.screen import as_json, say, styled
from app.settings import from_environment
from infra.agents.launches import LaunchLog
from infra.clock import SystemClock
from infra.store import safekeeping
from infra.store.snapshot import facts
from jobs.invariants import remedy, violations
from jobs.record import Launch

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


@click.command()
@json_option
def invariants(json_: bool) -> None:
    """Check what must always hold, over the store as it is. Exit 1 with one line for each violation."""
    with opened() as store:
        found = violations(facts(store.engine, _launches(store)))
    if json_:
        as_json({"ok": not found, "violations": [{**asdict(one), "remedy": remedy(one)} for one in found]})
    elif found:
        for one in found:
            say(styled(one.invariant, "bad"), f" {one.subject}: {one.text}. To do: {remedy(one)}.")
    else:
        say(styled("✓", "good"), " every invariant holds")
    if found:
        click.get_current_context().exit(1)


def _launches(store: Opened) -> Sequence[Launch] | None:
    """The launcher's own ledger; None where other machines keep theirs, or nothing was ever launched here."""
    log = store.settings.data_dir / "launches.log"
    if store.engine.dialect.name != "sqlite" or not log.exists():
        return None
    return [Launch(line.run, line.attempt, line.step, line.iteration) for line in LaunchLog(log).lines()]
