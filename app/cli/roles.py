"""The commands that are the service: they run until they are told to stop."""

import click

from app import processes
from app.settings import from_environment


@click.command()
def up() -> None:
    """Everything on one machine: web, workers, keeper, and a Redis of its own unless SLIPWAY_REDIS_URL is set."""
    click.get_current_context().exit(processes.up(from_environment()))


@click.command()
def web() -> None:
    """Only the web role: webhooks, API and dashboard."""
    click.get_current_context().exit(processes.web(from_environment()))


@click.command()
@click.option("--queue", "queues", multiple=True, type=click.Choice(processes.QUEUES), help="Only this queue. May be repeated.")
def worker(queues: tuple[str, ...]) -> None:
    """Only workers: they take runs and work on them."""
    click.get_current_context().exit(processes.worker(from_environment(), queues))


@click.command()
def keeper() -> None:
    """Only the keeper: what has to happen from time to time."""
    click.get_current_context().exit(processes.keeper(from_environment()))
