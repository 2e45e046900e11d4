"""One world a story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A whole installation with one repository."""
    with World(tmp_path) as made:
        yield made
