"""The commands that look after an installation: doctor, validate, schema. Those of the store are in `keeping`."""

import sys
from pathlib import Path
from typing import Any

import click

from app import doctor as examination
from app.cli.options import json_option
from app.cli.screen import as_json, marked, say, styled
from app.settings import from_environment
from jobs.config import PATH, ConfigInvalid, read
from jobs.errors import UserError

MARKS = {"ok": ("✓", "good"), "warn": ("!", "warn"), "fail": ("✗", "bad")}


@click.command()
@json_option
def doctor(json_: bool) -> None:
    """Check this installation, part by part. Exit 1 if something fails."""
    found = examination.examine(from_environment)
    if json_:
        as_json(examination.as_json(found))
    else:
        marked((styled(*MARKS[one.state]), one.name, styled(one.text, "dim" if one.state == "ok" else None)) for one in found)
    if not examination.healthy(found):
        click.get_current_context().exit(1)


@click.command()
@click.argument("file", default=PATH, type=click.Path(path_type=Path, allow_dash=True))
@json_option
def validate(file: Path, json_: bool) -> None:
    """Check a repository's configuration: every mistake, with its line. FILE is .github/slipway.yml if left out, `-` standard input."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"there is no {file}: name the file, or go to the root of the repository") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text") from error
    mistakes, name = _mistakes(text), "standard input" if str(file) == "-" else str(file)
    if json_:
        as_json({"valid": not mistakes, "file": str(file), "errors": mistakes})
    elif mistakes:
        for mistake in mistakes:
            where = f"{name}:{mistake['line']}" if mistake["line"] else name
            say(f"{where}: {mistake['key'] + ': ' if mistake['key'] else ''}{mistake['text']}")
    else:
        say(styled("✓", "good"), f" {name} is valid")
    if mistakes:
        click.get_current_context().exit(1)


def _mistakes(text: str) -> list[dict[str, Any]]:
    try:
        read(text)
    except ConfigInvalid as error:
        found = sorted(error.mistakes, key=lambda one: one.line)
        return [{"line": one.line, "key": one.key, "text": one.text} for one in found]
    return []
