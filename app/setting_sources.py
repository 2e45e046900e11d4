"""Where settings come from: the environment, then the data directory's `credentials`, then `[settings]` of the server file.

Each secret can also stand in a file, named by the same variable with `_FILE`. What is wrong is collected, not raised.
"""

import difflib
import os
import platform
import pwd
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app import credentials
from app.server_file import ServerFile, ServerFileInvalid
from app.server_file import read as read_server_file

PREFIX = "SLIPWAY_"
PLAIN = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY")
"""The variables that other programs named, and that are read as they are."""
OWN_ONLY = frozenset({"SLIPWAY_SIGNING_KEY"})
"""Secrets whose file nobody but its owner may be able to read or write, as ssh asks of its keys."""
READ_FIRST = ("SLIPWAY_CONFIG", "SLIPWAY_DATA_DIR")
NOT_OURS = ("SLIPWAY_TEST_", "SLIPWAY_SERVICE_", "SLIPWAY_PORT", "SLIPWAY_RESULT", "SLIPWAY_BRIEF")
"""Beginnings of names that are no settings here: of tests, of what Kubernetes sets for a service of our name, of an agent's files."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources say, by variable, and what was wrong with them."""

    values: Mapping[str, str]
    server: ServerFile
    data_dir: Path
    problems: tuple[str, ...]


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return name.upper() if name.upper() in PLAIN else PREFIX + name.upper()


def gather(environ: Mapping[str, str], known: Collection[str], secret: Collection[str]) -> Gathered:
    """Everything the sources say about the `known` variables, the strongest source winning."""
    problems: list[str] = []
    server = _server(environ.get(f"{PREFIX}CONFIG"), problems)
    data_dir = Path(environ.get(f"{PREFIX}DATA_DIR") or server.settings.get("data_dir") or _default_data_dir(environ)).expanduser()
    data_dir = Path.cwd() / data_dir
    sources = (
        _from_server_file(server, known, secret, problems),
        _from_credentials(data_dir, known, problems),
        _from_variables(environ, known, secret, problems),
    )
    return Gathered({key: value for source in sources for key, value in source.items()}, server, data_dir, tuple(problems))


def _server(path: str | None, problems: list[str]) -> ServerFile:
    if not path:
        return ServerFile()
    try:
        return read_server_file(Path(path).expanduser())
    except ServerFileInvalid as error:
        problems += error.problems
        return ServerFile()


def _from_server_file(server: ServerFile, known: Collection[str], secret: Collection[str], problems: list[str]) -> Mapping[str, str]:
    stated = {variable(key): value for key, value in server.settings.items() if key != "data_dir"}
    where = "server file, settings"
    problems += [f"{where}: {key.removeprefix(PREFIX).lower()!r} is not a setting: remove it" for key in sorted(stated.keys() - set(known))]
    problems += [
        f"{where}: {key} is a secret: put it in the environment or in a file named by {key}_FILE"
        for key in sorted(stated.keys() & set(secret))
    ]
    return {key: value for key, value in stated.items() if key in known}


def _from_credentials(data_dir: Path, known: Collection[str], problems: list[str]) -> Mapping[str, str]:
    try:
        kept = credentials.read(data_dir)
    except credentials.CredentialsUnusable as error:
        problems.append(str(error))
        return {}
    problems += [f"{data_dir / credentials.NAME}: {key} is not a setting: remove it" for key in sorted(kept.keys() - set(known))]
    return {key: value for key, value in kept.items() if key in known}


def _from_variables(environ: Mapping[str, str], known: Collection[str], secret: Collection[str], problems: list[str]) -> Mapping[str, str]:
    found = {key: environ[key] for key in known if environ.get(key)}
    files = {key: path for key in sorted(secret) if (path := environ.get(f"{key}_FILE"))}
    problems += [f"{key} and {key}_FILE are both set: unset one of them" for key in files if key in found]
    return {**found, **dict(_read(files, problems))}


def _read(files: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    for key, path in files.items():
        try:
            file = Path(path).expanduser()
            if key in OWN_ONLY and file.stat().st_mode & 0o077:
                problems.append(f"{key}_FILE: others than its owner may use {path}: chmod 600 it")
                continue
            yield key, file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            problems.append(f"{key}_FILE: {path} cannot be read: correct the path or its permissions")


def warnings(environ: Mapping[str, str], known: Collection[str], secret: Collection[str]) -> tuple[str, ...]:
    """Names that look like settings and are none: not an error, since others may set variables with our prefix."""
    names = {*known, *READ_FIRST, *(f"{key}_FILE" for key in secret)}
    strange = [key for key in sorted(environ) if key.startswith(PREFIX) and key not in names and not key.startswith(NOT_OURS)]
    return tuple(f"{key} is not a setting and is ignored{_hint(key, names)}" for key in strange)


def _hint(key: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(key, sorted(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def home(environ: Mapping[str, str]) -> str:
    """The home directory of the user that this process runs as."""
    return environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir


def _default_data_dir(environ: Mapping[str, str]) -> str:
    if platform.system() == "Darwin":
        return f"{home(environ)}/Library/Application Support/slipway"
    return f"{environ.get('XDG_DATA_HOME') or home(environ) + '/.local/share'}/slipway"
