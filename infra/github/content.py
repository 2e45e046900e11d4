"""A file as GitHub's contents API gives it."""

import base64
from typing import Any

from jobs.errors import Refused


def text_of(found: Any, what: str) -> str:
    """Its text. Raises Refused(`config_invalid`) for a directory, a link, or a file too large to come along."""
    if not isinstance(found, dict) or found.get("type") != "file" or found.get("encoding") != "base64":
        raise Refused("config_invalid", f"{what} is not a plain file of less than a megabyte. Replace it with one.")
    return base64.b64decode(found["content"]).decode(errors="replace")
