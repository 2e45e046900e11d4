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


def second_judge(name: str) -> str:
    """The path of a program that judges once more what a test of ours has judged already; without it, a skip that says so."""
    return shutil.which(name) or pytest.skip(f"NOT JUDGED by {name} as well, which is not on this machine")


BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """The path of a Chromium. `.ci/run` says in SLIPWAY_TEST_NO_BROWSER why there is none, where none could be installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("SLIPWAY_TEST_NO_BROWSER"):
        pytest.skip(f"NOT TESTED, the dashboard in a browser: {os.environ['SLIPWAY_TEST_NO_BROWSER']}")
    return found or missing("a browser (Debian: apt-get install chromium-headless-shell)")
