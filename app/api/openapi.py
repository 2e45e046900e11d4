"""The OpenAPI 3.1 document of the API, made of the same table and models that serve it."""

import re
from typing import Any

from pydantic.json_schema import models_json_schema

from app.api.operation import Operation
from app.api.table import OPERATIONS, PREFIX

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
    bodies = [operation.body for operation in OPERATIONS if operation.body]
    _, schemas = models_json_schema([(body, "validation") for body in bodies], ref_template="#/components/schemas/{model}")
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
            "schemas": {**schemas.get("$defs", {}), "Problem": PROBLEM},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    page: dict[str, Any] = {
        "summary": operation.says,
        "operationId": operation.act.__name__,
        "description": f"Needs the scope `{operation.need.name.lower()}`.",
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": {
                "description": "A problem.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if operation.body:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        page["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return page


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"{(\w+)", operation.path)
    ]
    in_query = [{"name": one.name, "in": "query", "description": one.says, "schema": {"type": "string"}} for one in operation.query]
    return in_path + in_query
