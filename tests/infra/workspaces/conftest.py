from pathlib import Path

import pytest

from infra.sandbox import Bubblewrap, Sandbox, Unconfined
from tests.infra.workspaces.world import World
from tests.needs import working_sandbox


class WithoutOverlays(Bubblewrap):
    """The sandbox of a machine that cannot mount layers."""

    overlays = False  # type: ignore[assignment]


def made(kind: str, scratch: Path) -> Sandbox:
    if kind == "no sandbox":
        return Unconfined()
    working_sandbox(scratch)
    return Bubblewrap(scratch) if kind == "layers" else WithoutOverlays(scratch)


@pytest.fixture(params=["layers", "copies", "no sandbox"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """With layers, with plain copies, and without any sandbox: the same must come of all."""
    return World(tmp_path, made(request.param, tmp_path / "scratch"))


@pytest.fixture
def layered(tmp_path: Path) -> World:
    return World(tmp_path, working_sandbox(tmp_path / "scratch"))
