"""The pages about command line, API and metrics say what the tables do."""

import pytest

from tests.app.pages import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_made_from_its_table(name: str) -> None:
    """Proves: 001-35."""
    assert (DOCS / name).read_text() == PAGES[name](), "`python -m tests.app.pages` writes it anew"
