"""What some tests need of the machine. Without it they are skipped out loud, or fail where everything is required."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from infra.sandbox import Bubblewrap
from jobs.errors import Fault


def missing(what: str) -> NoReturn:
    """End the test: as a failure when SLIPWAY_TEST_REQUIRE_ALL is 1, else as a skip that says what was not tested."""
    if os.environ.get("SLIPWAY_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"required here, but missing: {what}")
    pytest.skip(f"NOT TESTED, missing on this machine: {what}")


def working_sandbox(scratch: Path) -> Bubblewrap:
    """A sandbox that runs, with overlays."""
    sandbox = Bubblewrap(scratch)
    try:
        sandbox.probe()
    except Fault as fault:
        missing(f"a sandbox ({fault.reason.text})")
    if not sandbox.overlays:
        missing("a sandbox with overlays")
    return sandbox


def program(name: str) -> str:
    """The path of a program that is needed to judge, not to run, what is tested."""
    found = shutil.which(name)
    return found or missing(f"the program {name}")
