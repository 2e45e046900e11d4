"""What a worker is made of depends on where it works."""

from pathlib import Path

import pytest

from app.settings import load
from app.wiring.ground import Ground
from app.wiring.work import Workshop
from infra.store.engine import open_store


@pytest.mark.parametrize(("url", "travels"), [("", False), ("postgresql+psycopg://slipway@db.example/slipway", True)])
def test_snapshots_travel_where_other_machines_may_go_on(tmp_path: Path, url: str, *, travels: bool) -> None:
    """Proves: F26."""
    told = {"SLIPWAY_DATA_DIR": str(tmp_path), "HOME": str(tmp_path), "SLIPWAY_DATABASE_URL": url}
    ground = Ground(load({name: value for name, value in told.items() if value}))
    ground.engine = open_store(tmp_path)  # the database of that URL is not there
    shop = Workshop(ground)
    assert shop.travelling == (ground.artifacts if travels else None)
    assert shop.workspaces._tools.artifacts is shop.travelling
    ground.close()
