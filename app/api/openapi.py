"""The OpenAPI 3.1 document of the API, made of the same table and models that serve it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.operation import Operation
from app.api.problems import TITLES
from app.api.table import OPERATIONS, PREFIX, RUN_ID

PATH = {
    "run_id": {"type": "string", "pattern": f"^{RUN_ID}$"},
    "name": {"type": "string", "minLength": 1},
    "callback_id": {"type": "string", "minLength": 1},
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what happened and what to do"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def document(version: str) -> dict[str, Any]:
    """The whole document."""
    schemas = {**_schemas("validation", [one.body for one in OPERATIONS]), **_schemas("serialization", [one.answers for one in OPERATIONS])}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + re.sub(r":path}", "}", operation.path), {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway", "version": version, "description": "Runs: start, watch, steer and stop them."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas, "Problem": PROBLEM},
        },
    }


def _schemas(mode: Literal["validation", "serialization"], models: Iterable[type[BaseModel] | None]) -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [(model, mode) for model in models if model]
    schemas: dict[str, Any] = models_json_schema(wanted, ref_template="#/components/schemas/{model}")[1].get("$defs", {})
    return schemas


def _operation(operation: Operation) -> dict[str, Any]:
    page: dict[str, Any] = {
        "summary": operation.says,
        "operationId": operation.act.__name__,
        "description": f"Needs the scope `{operation.need.name.lower()}`.",
        "parameters": _parameters(operation),
        "responses": {str(operation.status): {"description": "Done.", "content": _answers(operation)}, **dict(_problems(operation))},
    }
    if operation.body:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        needed = any(field.is_required() for field in operation.body.model_fields.values())
        page["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return page


def _answers(operation: Operation) -> dict[str, Any]:
    if operation.answers is None:
        return {"text/plain": {"schema": {"type": "string"}}, "application/json": {}}
    stream = {"text/event-stream": {"schema": {"type": "string", "description": operation.streams}}} if operation.stream else {}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{operation.answers.__name__}"}}, **stream}


def _problems(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """What may go wrong: an address that names something may name nothing, and only what acts can come at the wrong time."""
    named, acts = "{" in operation.path, operation.method != "GET"
    for status in (
        400,
        401,
        403,
        *([404] if named else []),
        405,
        *([409, 413, 415] if acts else []),
        *([422] if operation.body else []),
        503,
    ):
        schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
        yield str(status), {"description": TITLES[status] + ".", "content": {"application/problem+json": schema}}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [{"name": name, "in": "path", "required": True, "schema": PATH[name]} for name in re.findall(r"{(\w+)", operation.path)]
    in_query = [{"name": one.name, "in": "query", "description": one.says, "schema": one.schema} for one in operation.query]
    return in_path + in_query
