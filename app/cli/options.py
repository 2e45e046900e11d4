"""Options that many commands share."""

import click

json_option = click.option("--json", "json_", is_flag=True, help="Print JSON on standard output.")
