"""Looks for secrets in every file of the project: `python -m tests.secret_scan`; exit 1 and a line for each that is found."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jobs.gates.secret_forms import FORMS

ROOT = Path(__file__).parent.parent
MADE_UP = ("tests/infra/test_git.py", "tests/infra/test_redact.py", "tests/jobs/gates/test_built_in.py")
"""Tests that need something that looks like a secret, and made it up."""


def tracked() -> list[Path]:
    """The files of the project, or every file where it is not a git checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", ".git", "__pycache__"} & set(path.parts)]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def found(files: list[Path]) -> Iterator[str]:
    """Where there is something that looks like a secret, and of what kind; never the thing itself."""
    for path in files:
        text, name = path.read_text(encoding="utf-8", errors="replace"), path.relative_to(ROOT).as_posix()
        for form in FORMS if name not in MADE_UP else ():
            yield from (f"{name}:{text.count(chr(10), 0, start) + 1}: {form.kind}" for start, _ in form.spans(text))


if __name__ == "__main__":
    lines = list(found(tracked()))
    print("\n".join(lines) or "no secrets")
    sys.exit(bool(lines))
