from pathlib import Path

import pytest

from infra.sandbox import Unconfined
from tests.infra.workspaces.world import World
from tests.needs import working_sandbox


@pytest.fixture(params=["overlay", "plain"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """With layers in the sandbox, and as a plain copy without one: the same must come of both."""
    sandbox = working_sandbox(tmp_path / "scratch") if request.param == "overlay" else Unconfined()
    return World(tmp_path, sandbox)


@pytest.fixture
def layered(tmp_path: Path) -> World:
    return World(tmp_path, working_sandbox(tmp_path / "scratch"))
