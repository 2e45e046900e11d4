"""Makes pages of templates. Everything in them is escaped; what an agent wrote is text and nothing else."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import telling, view, wording
from app.dashboard import runs
from app.version import VERSION

HERE = Path(__file__).parent
STATIC = HERE / "static"
PAGES = (
    ("/", "Overview", False),
    ("/runs", "Runs", False),
    ("/queue", "Queue", False),
    ("/callbacks", "Callbacks", False),
    ("/inbox", "Inbox", True),
    ("/workers", "Workers", True),
    ("/budgets", "Budgets", True),
    ("/agents", "Agents", True),
    ("/settings", "Settings", True),
)
"""Address, name, and whether it is for operators only."""


def iso(at: float) -> str:
    """A point in time for machines."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(at: float) -> str:
    """The time of day, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


@cache
def assets() -> str:
    """Changes when a static file does, so that a browser never shows a new page in an old dress."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(
        iso=iso,
        clock=clock,
        duration=wording.duration,
        money=wording.money,
        words=wording.words,
        origin=view.origin,
        gist=telling.gist,
        clipped=runs.clipped,
    )
    made.globals.update(pages=PAGES, version=VERSION, ago=wording.ago, lasted=view.lasted)
    return made


def fragment(macro: str, *arguments: object) -> str:
    """A part of a page, as the page itself shows it."""
    made = getattr(_environment().get_template("parts.html").module, macro)
    return str(made(*arguments))


def page(template: str, context: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return _environment().get_template(template).render(assets=assets(), **context)
