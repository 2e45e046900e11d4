"""What a page of settings does not show: an address of a receiver may have its secret in the query. Pure."""

from typing import Any

from infra.store.pages import shown


def without_queries(value: Any) -> Any:
    """The same data, each `url` in it without user, password and query."""
    if isinstance(value, dict):
        return {name: shown(one) if name == "url" and isinstance(one, str) else without_queries(one) for name, one in value.items()}
    return [without_queries(one) for one in value] if isinstance(value, list | tuple) else value
