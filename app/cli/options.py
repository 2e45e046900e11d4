"""Options and arguments that many commands share."""

import click
from click.shell_completion import CompletionItem

from app.cli.opening import opened
from jobs.errors import UserError

MOST = 50

json_option = click.option("--json", "json_", is_flag=True, help="Print JSON on standard output.")


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs whose id begins like this: a whole id is long to type, and nothing shorter is taken."""
    try:
        with opened() as store:
            found, _ = store.reading.runs(limit=MOST)
    except UserError:
        return []
    return [CompletionItem(run["id"], help=f"{run['state']}: {run['title']}") for run in found if run["id"].startswith(incomplete)]


run_argument = click.argument("run_id", metavar="RUN", shell_complete=run_ids)
