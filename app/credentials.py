"""The data directory's `credentials`: what `/setup` received from GitHub, kept as settings in a file only the owner can read."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAME = "credentials"


class CredentialsUnusable(ValueError):
    """The file is there and may not or cannot be used; the text says what to do."""


def read(data_dir: Path) -> dict[str, str]:
    """The settings in the file, by their environment names; empty when there is none. Raises CredentialsUnusable."""
    path = data_dir / NAME
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise CredentialsUnusable(f"{data_dir} is not a directory: name one with SLIPWAY_DATA_DIR") from error
    except PermissionError as error:
        shut = path if os.access(data_dir, os.X_OK) else data_dir
        raise CredentialsUnusable(f"{shut} may not be read by the user that Slipway runs as: let that user, or be another") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsUnusable(f"{path} cannot be read: make it readable for the user that Slipway runs as, or remove it") from error
    if mode & 0o077:
        raise CredentialsUnusable(f"{path} can be read by other users: run 'chmod 600 {path}' and consider its secrets known")
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> dict[str, str]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None  # the error's text could quote a secret
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise CredentialsUnusable(f"{path} is not a JSON object of strings: restore it from a backup, or remove it and set up again")
    return data


def write(data_dir: Path, values: Mapping[str, str]) -> None:
    """Add `values` to the file in one step; a reader sees the old file or the new one, nobody else sees either."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    merged = {**read(data_dir), **values}
    fd, temporary = tempfile.mkstemp(prefix=f".{NAME}-", dir=data_dir)  # made with mode 0600
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(merged, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(data_dir / NAME)
