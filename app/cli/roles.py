"""The commands that are the service: they run until they are told to stop."""

import click

from app import processes
from app.settings import from_environment


@click.command()
def up() -> None:
    """Everything on one machine: web, workers, keeper, and a Redis of its own unless SLIPWAY_REDIS_URL is set."""
    raise SystemExit(processes.up(from_environment()))


@click.command()
def web() -> None:
    """Only the web role: webhooks, API and dashboard."""
    raise SystemExit(processes.web(from_environment()))


@click.command()
def worker() -> None:
    """Only a worker: it takes runs and works on them."""
    raise SystemExit(processes.worker(from_environment()))


@click.command()
def keeper() -> None:
    """Only the keeper: what has to happen from time to time."""
    raise SystemExit(processes.keeper(from_environment()))
