"""The page about the configuration says what the models do."""

from tests.app.configuration import PAGE, page


def test_the_page_is_made_from_the_models() -> None:
    assert PAGE.read_text() == page(), "`python -m tests.app.configuration` writes it anew"
