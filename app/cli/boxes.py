"""The durable inbox and outbox: what came in, what goes out, and once more where something went wrong."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from app.cli.lines import moment
from app.cli.opening import opened
from app.cli.options import json_option
from app.cli.screen import as_json, say, styled, table
from infra.receivers import outside
from infra.store.outbox import STATES as OUTBOX_STATES
from jobs.errors import UserError

limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
INBOX_STATES = ("pending", "done", "ignored", "dead")


@click.group()
def inbox() -> None:
    """The webhooks that came in."""


@inbox.command("list")
@click.option("--state", type=click.Choice(INBOX_STATES))
@limit_option
@json_option
def inbox_list(state: str | None, limit: int, json_: bool) -> None:
    """List webhooks, newest first."""
    with opened() as store:
        rows = store.inbox.listing(state=state, limit=limit)
    if json_:
        as_json(rows)
        return
    cells = [
        (str(row["id"]), styled(row["state"], row["state"]), _event(row), row["delivery"], moment(row["received_at"]), row["reason"] or "")
        for row in rows
    ]
    table(("ID", "STATE", "EVENT", "DELIVERY", "RECEIVED", "REASON"), cells, empty="No webhook has come in.", brief=(0, 1, 2, 5))


@inbox.command("replay")
@click.argument("row", type=int, metavar="ID")
@json_option
def inbox_replay(row: int, json_: bool) -> None:
    """Work a webhook again from the beginning. It never starts a second run for the same cause."""
    with opened() as store:
        _again(lambda: store.inbox.replay(row), f"there is no webhook {row}: 'slipway inbox list' shows them")
    _told({"replayed": row}, json_)


@click.group()
def callbacks() -> None:
    """The callbacks that go out."""


@callbacks.command("list")
@click.option("--state", type=click.Choice(OUTBOX_STATES))
@click.option("--run", "run_id", metavar="RUN", help="Only those of this run.")
@limit_option
@json_option
def callbacks_list(state: str | None, run_id: str | None, limit: int, json_: bool) -> None:
    """List callbacks, newest first."""
    with opened() as store:
        rows = [outside(row) for row in store.outbox.listing(state=state, run_id=run_id, limit=limit)]
    if json_:
        as_json(rows)
        return
    cells = [
        (row["id"], styled(row["state"], row["state"]), row["type"], f"{row['url']} ({row['receiver']})", str(row["tries"]), _last(row))
        for row in rows
    ]
    table(("ID", "STATE", "TYPE", "TO", "TRIES", "LAST"), cells, empty="No callback was asked for.", brief=(0, 1, 2, 5))


@callbacks.command("replay")
@click.argument("row", metavar="ID")
@json_option
def callbacks_replay(row: str, json_: bool) -> None:
    """Send a callback again: the same id, the same bytes, a fresh schedule."""
    with opened() as store:
        _again(lambda: store.outbox.replay(row), f"there is no callback {row!r}: give the whole id; 'slipway callbacks list' shows them")
    _told({"replayed": row}, json_)


def _again(replay: Callable[[], None], missing: str) -> None:
    try:
        replay()
    except KeyError as error:
        raise UserError(missing) from error


def _told(what: Mapping[str, Any], json_: bool) -> None:
    if json_:
        as_json(what)
    else:
        say("It will be worked again within seconds, if the service runs.")


def _event(row: Mapping[str, Any]) -> str:
    return f"{row['event']}.{row['action']}" if row["action"] else str(row["event"])


def _last(row: Mapping[str, Any]) -> str:
    status = f"{row['last_status']} " if row["last_status"] else ""
    return f"{status}{row['last_error'] or ''}".strip()
