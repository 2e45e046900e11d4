"""The records that runs left in a repository of this machine, read from the repository alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.git import Git, Place
from jobs.errors import UserError

REFS = "refs/slipway/"
FILE = "record.json"
MOST_BYTES = 4 * 1024**2


def read(git: Git, repository: Path, beginning: str) -> Mapping[str, Any]:
    """The record of the run whose id begins like this.

    Raises UserError when `repository` is none, has no such record or several, or when what is there is not a record of ours.
    """
    at = _place(repository)
    names = git.run("for-each-ref", "--format=%(refname)", REFS, at=at)
    if not names.ok:
        raise UserError(f"{repository} is not a git repository: name the directory of one.")
    ids = [name.removeprefix(REFS) for name in names.stdout.text.splitlines()]
    found = [one for one in ids if beginning and one.startswith(beginning)]
    if len(found) != 1:
        known = f"there are {len(found)} that begin like this" if found else f"there are {len(ids)} records in all"
        raise UserError(f"{repository} has no one record of a run {beginning!r} ({known}): 'git for-each-ref {REFS}' shows their ids.")
    shown = git.run("cat-file", "blob", f"{REFS}{found[0]}:{FILE}", at=at, output_bytes=MOST_BYTES)
    return _parsed(found[0], shown.stdout.text if shown.ok else "")


def _parsed(run_id: str, text: str) -> Mapping[str, Any]:
    """Whoever may write to the repository may have written this: only what a record has the form of is one."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("run") != run_id or not isinstance(told.get("request"), dict):
        raise UserError(f"what stands at {REFS}{run_id} is not the record of that run: somebody else wrote it, or it was damaged.")
    return told


def _place(repository: Path) -> Place:
    inner = repository.resolve() / ".git"
    return Place(inner if inner.is_dir() else repository.resolve())
