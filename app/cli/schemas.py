"""`slipway schema`: the JSON Schemas of what goes in and out, made of the very models that read and write it."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from app.api import openapi
from app.cli.screen import as_json
from app.version import VERSION
from delivery.callbacks import BODY
from infra.agents.document import Result
from jobs.rules import Rules

INTERNAL = ("gates_policy", "from_file", "templates")
"""What rules carry beside the file: nobody may write it there."""


def config() -> dict[str, Any]:
    """`.github/slipway.yml`."""
    schema = Rules.model_json_schema()
    for name in INTERNAL:
        schema["properties"].pop(name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": ".github/slipway.yml"}


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "config": config,
    "api": lambda: openapi.document(VERSION),
    "callback": BODY.json_schema,
    "result": Result.model_json_schema,
}


@click.command()
@click.argument("what", type=click.Choice(list(SCHEMAS)))
def schema(what: str) -> None:
    """Print a JSON Schema: config (.github/slipway.yml), api (OpenAPI), callback (outbound webhooks) or result ($SLIPWAY_RESULT)."""
    as_json(SCHEMAS[what]())
