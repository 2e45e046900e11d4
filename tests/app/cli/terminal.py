"""The command line as a person or a script meets it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from app.cli.main import main


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def slipway(data: Path, *argv: str, stdin: str = "", **env: str) -> Said:
    """Run a command on a data directory, in this process, with nothing else in its environment."""
    nothing = {"SLIPWAY_DATABASE_URL": None, "SLIPWAY_BIND": None, "SLIPWAY_CONFIG": None}
    with CliRunner().isolation(stdin, {**nothing, "SLIPWAY_DATA_DIR": str(data), **env}) as (out, err, _):
        try:
            code = main(argv)
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(code, out.getvalue().decode(), err.getvalue().decode())
