"""Writes docs/cli.md, docs/api.md and docs/metrics.md from the tables that the service is made of: `python -m tests.app.pages`."""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from app.api.metrics import FAMILIES
from app.api.operation import Operation
from app.api.problems import TITLES
from app.api.table import OPERATIONS, PREFIX
from app.cli.main import COMMANDS, Entry
from jobs.model import RunState

DOCS = Path(__file__).parents[2] / "docs"
CLI = """# Command line

Made from the commands themselves; a test holds the two equal. `slipway` alone says what to do next here, `slipway COMMAND --help` explains
one. `eval "$(_SLIPWAY_COMPLETE=bash_source slipway)"` completes commands and run ids (`zsh_source`, `fish_source`).

- `--json` prints JSON on standard output: one line for a pipe, indented on a terminal. Without it a terminal gets colour (unless `NO_COLOR`
  is set) and tables that fit its width; a pipe gets lines with cells separated by tabs, and nothing is left out.
- The exit code is 0, 1 for a failure and 2 for a mistake in the call. An error is one line on standard error that says what to do.
- A `RUN` is a whole id. A command that only looks says what may have been meant by a part of one; one that acts takes nothing shorter.
- Settings come from the environment ([configuration.md](configuration.md)); `SLIPWAY_DATA_DIR` says which installation is meant.
"""
API = """# HTTP API

Made from the table that serves it; a test holds the two equal. `GET /api/v1/openapi.json` (or `slipway schema api`) is the whole document:
what may be sent, and the shape of every answer.

- **Who asks**: `Authorization: Bearer TOKEN`, a token of `SLIPWAY_API_TOKENS`. `TOKEN:read` may look, `TOKEN:run` also act on runs, `TOKEN`
  anything. Without any token only the machine itself is answered, and not through a proxy.
- **Scopes**: `?scope=installation:repository id` narrows a listing, and makes a run of another scope unknown.
- **Pages**: `next` of an answer is the `cursor` (of events: the `after`) of the next page. A page larger than allowed is refused, not cut.
- **Once**: the same `idempotency_key` of the same token is the same run; with another job it is refused.
- **Live**: `Accept: text/event-stream` on `…/events` streams them; `Last-Event-ID` goes on from there, `end` says that there is no more.
  Among them comes `activity`, a line of what an agent does at that moment: `kind` (`message`, `tool`, `file`, `error`, `more`) and `text`,
  masked and at most 300 characters, with `seq`, `at`, `attempt`, `step` and `iteration`. It has no id, so that `Last-Event-ID` stays that
  of a stored event; `line=SEQ` leaves out those up to there. The newest 500 lines of a run are kept until an hour after its end.
- **Problems** are `application/problem+json` (RFC 9457): `title` and `status` for programs, `detail` with what to do, `errors` with each
  mistake.

```
curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
     -d '{"repository": "acme/shop", "title": "Round prices", "idempotency_key": "order-1"}' http://127.0.0.1:8080/api/v1/runs
curl -H "Authorization: Bearer $TOKEN" -H "Accept: text/event-stream" http://127.0.0.1:8080/api/v1/runs/RUN/events
```
"""
METRICS = """# Metrics

Made from the table that exports them; a test holds the two equal. `GET /metrics` is for Prometheus and needs a token with the scope `read`
(from the machine itself none, if none is configured). `infra/deploy/alerts.yaml` holds alerts, `infra/deploy/grafana.json` a dashboard;
`slipway stats --window 24h` has the figures to compare two versions by.

Every web process tells the same of the whole installation, because the figures are read from the store: take the `max` over processes,
never the sum. Only `slipway_webhook_requests_total` is each process's own. Labels are states, codes, roles, agents and duties; never a
repository, a run or a number. Counters of durations, launches and tokens are about twenty seconds behind.
What is over (runs, attempts, webhooks, callbacks) is counted once and kept as rows; a scrape adds them to what is not over, so it takes as
long for many runs as for few, and tells the same after any restart.

| metric | what it is | labels |
|---|---|---|
"""
LOGS = """
## Traces

`[traces] url = "http://127.0.0.1:4318"` in the server file sends a trace of each run to a collector that speaks OTLP over HTTP, once the
run has ended. It is made from what is stored, so it is whole however many processes worked on the run and whichever of them died. What
did not arrive is sent again, as the same spans. The trace's id is the run's: webhook, queue, phases, agents and gates hang on it, with
attempt, iteration, model, tokens, cost and outcome. No text of an issue, an agent or a gate is in it.

## Logs

One line an event on standard error, JSON where nobody watches (`SLIPWAY_LOG_FORMAT`), with secrets masked. `delivery`, `run` and `attempt`
stand on every line about one; `logger` is `slipway.webhook` for the audit lines of requests, `slipway.audit` for what people did.
"""


def cli() -> str:
    """docs/cli.md."""
    return CLI + "".join(f"\n## {title}\n{''.join(_commands(entries))}" for title, entries in COMMANDS.items())


def _commands(entries: Mapping[str, Entry]) -> Iterator[str]:
    for name, entry in entries.items():
        module, _, attribute = entry.target.partition(":")
        yield from _command(f"slipway {name}", getattr(importlib.import_module(module), attribute))


def _command(path: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _command(f"{path} {name}", one)
        return
    with click.Context(command, info_name=path) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"\n### `{path} {usage}`\n\n{' '.join((command.help or '').split())}\n"
        records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    shown = [(option, says) for option, says in records if says and not option.endswith("--help")]
    if shown:
        yield "\n| option | |\n|---|---|\n" + "".join(f"| `{option.replace('|', ' or ')}` | {says} |\n" for option, says in shown)


def api() -> str:
    """docs/api.md."""
    rows = "".join(_operation(one) for one in OPERATIONS)
    states = ", ".join(f"`{state}`" for state in RunState)
    problems = "".join(f"| {status} | {title} |\n" for status, title in TITLES.items())
    return (
        f"{API}\n| request | needs | does | parameters |\n|---|---|---|---|\n{rows}\n"
        f"The states of a run are {states}.\nEvery final one and `parked` has a `reason` whose code is in "
        "[troubleshooting.md](troubleshooting.md).\n"
        f"\n| status | title |\n|---|---|\n{problems}"
    )


def _operation(one: Operation) -> str:
    path = f"{PREFIX}{one.path.replace(':path', '')}"
    return f"| `{one.method} {path}` | {one.need.name.lower()} | {one.says} | {', '.join(f'`{it.name}`' for it in one.query)} |\n"


def metrics() -> str:
    """docs/metrics.md."""
    ends = {CounterMetricFamily: "_total", HistogramMetricFamily: "_bucket"}
    rows = (
        f"| `{name}{ends.get(kind, '')}` | {says} | {', '.join(f'`{label}`' for label in labels)} |\n"
        for name, (kind, says, labels) in FAMILIES.items()
    )
    return METRICS + "".join(rows) + LOGS


PAGES = {"cli.md": cli, "api.md": api, "metrics.md": metrics}

if __name__ == "__main__":
    for file, made in PAGES.items():
        (DOCS / file).write_text(made())
