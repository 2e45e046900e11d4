"""A slice of `python -m tests.handlers.fuzz`."""

from tests.handlers.fuzz import fuzz


def test_no_command_is_heard_where_a_markdown_parser_shows_none() -> None:
    """Proves: T11."""
    found = fuzz(1_500, seed=7)
    assert found.wrong == []
    assert 50 < found.heard < found.shown
