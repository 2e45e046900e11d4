"""What a page of settings does not show: the address of a receiver may be its secret. Pure."""

from typing import Any

from jobs.receivers import shown


def without_addresses(value: Any) -> Any:
    """The same data, each `url` in it as no more than its host and a short name."""
    if isinstance(value, dict):
        return {name: shown(one) if name == "url" and isinstance(one, str) else without_addresses(one) for name, one in value.items()}
    return [without_addresses(one) for one in value] if isinstance(value, list | tuple) else value
