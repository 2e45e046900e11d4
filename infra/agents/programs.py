"""Finds an installed program and what a sandbox has to show for it to work: its package, its interpreter, and no home directory."""

import os
import shutil
from pathlib import Path

from infra.agents.adapter import Program

SEARCH = "/usr/local/bin:/usr/bin:/bin"
SHEBANG = 256


def find(name: str, search: str = SEARCH) -> Program | None:
    """The program of that name on the search path, with its interpreter named outright; None when it is not there."""
    found = shutil.which(name, path=search)
    if found is None:
        return None
    real = Path(found).resolve()
    words = _interpreter(real, search)
    if words is None:
        return None
    seen = [_package(real), *(_installation(Path(word)) for word in words[:1])]
    return Program((*words, str(real)), tuple(dict.fromkeys(path for path in seen if not path.is_relative_to("/usr"))))


def stamp(program: Program) -> tuple[tuple[str, int, int], ...]:
    """What changes when the program or its interpreter is replaced."""
    paths = [Path(word) for word in program.argv if word.startswith("/")]
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.exists())


def _interpreter(program: Path, search: str) -> tuple[str, ...] | None:
    """The words before a script, none for a binary; None when the interpreter is missing."""
    with program.open("rb") as file:
        first = file.readline(SHEBANG)
    if not first.startswith(b"#!"):
        return ()
    words = os.fsdecode(first[2:]).split()
    if words and Path(words[0]).name == "env":
        words = words[2:] if words[1:2] == ["-S"] else words[1:]
        found = shutil.which(words[0], path=search) if words else None
        words = [found, *words[1:]] if found else []
    return (str(Path(words[0]).resolve()), *words[1:]) if words else None


def _package(program: Path) -> Path:
    """The outermost `node_modules` a program lies in, because its neighbours there are its parts; else the file alone."""
    modules = [parent for parent in program.parents if parent.name == "node_modules"]
    return modules[-1] if modules else program


def _installation(interpreter: Path) -> Path:
    """Where an interpreter was installed, with its library; the file alone when that would be somebody's home."""
    prefix = interpreter.parent.parent
    return prefix if interpreter.parent.name == "bin" and (prefix / "lib").is_dir() and prefix != Path.home() else interpreter
