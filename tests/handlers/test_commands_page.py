"""The page about the commands says what the table does."""

from dataclasses import fields

from handlers.events import Options
from tests.handlers.commands_page import OPTIONS, PAGE, page


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == page(), "`python -m tests.handlers.commands_page` writes it anew"


def test_every_option_is_explained() -> None:
    assert list(OPTIONS) == [option.name for option in fields(Options)]
