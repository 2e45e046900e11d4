"""The page about reasons says what the taxonomy does, and the taxonomy has nothing nobody uses."""

from pathlib import Path

import pytest

from jobs.errors import REASONS
from tests.jobs.troubleshooting import PAGE, page

ROOT = Path(__file__).parents[2]
PRODUCT = "\n".join(
    path.read_text()
    for room in ("app", "handlers", "jobs", "delivery", "infra")
    for path in (ROOT / room).rglob("*.py")
    if path.name != "errors.py"
)


def test_the_page_is_made_from_the_taxonomy() -> None:
    """Proves: 003-37."""
    assert PAGE.read_text() == page(), "`python -m tests.jobs.troubleshooting` writes it anew"


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_given_by_somebody(code: str) -> None:
    """Proves: 001-27."""
    assert f'"{code}"' in PRODUCT
