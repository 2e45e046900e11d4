"""What the tests of the app share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app import town as place


@pytest.fixture
def town(tmp_path: Path) -> Iterator[place.Town]:
    """A store with one run in every state."""
    built = place.build(tmp_path)
    yield built
    built.engine.dispose()
