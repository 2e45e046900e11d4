"""A slice of `python -m tests.app.orders`."""

from pathlib import Path

import pytest

from tests.app.orders import STORIES, differing


@pytest.mark.parametrize("name", STORIES)
def test_the_order_in_which_related_webhooks_arrive_does_not_matter(tmp_path: Path, name: str) -> None:
    """Proves: F07, I03."""
    tried, wrong = differing(tmp_path, name, every=7)
    assert tried > 3
    assert wrong == []
