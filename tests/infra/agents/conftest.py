from pathlib import Path

import pytest

from tests.infra.agents.world import World
from tests.needs import working_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world", working_sandbox(tmp_path / "scratch"))
