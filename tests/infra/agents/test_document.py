"""Result documents and briefs, as data."""

import json

import pytest

from infra.agents.document import BadResult, Result, brief_of, read
from jobs.config import read as read_config
from jobs.evidence import Tokens
from jobs.ports import Brief
from jobs.rules import Rules


def test_every_key_may_be_left_out() -> None:
    assert read(b"{}") == Result()
    assert read(b"{}").used is None


@pytest.mark.parametrize(
    ("tokens", "used"),
    [("7", Tokens(7)), ('{"input": 1, "output": 2, "cached": 3}', Tokens(1, 2, 3)), ("{}", Tokens()), ("null", None)],
)
def test_tokens_are_a_number_or_numbers(tokens: str, used: Tokens | None) -> None:
    """Proves: 003-19."""
    assert read(f'{{"tokens": {tokens}}}'.encode()).used == used


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"5", b'"x"', b"[{}]", b"{", b"[" * 100_000, b"\xff\xfe", b'{"tokens": -1}', b'{"tokens": "5"}', b'{"summary": null}'],
)
def test_anything_else_is_a_bad_result(data: bytes) -> None:
    """Proves: F54."""
    with pytest.raises(BadResult):
        read(data)


def test_a_byte_order_mark_and_strange_keys_do_no_harm() -> None:
    assert read('\ufeff{"summary": "x", "from_tomorrow": {"a": 1}}'.encode()).summary == "x"


def test_the_brief_as_a_document() -> None:
    told = json.loads(brief_of(Brief("r", "code", "implementer", 1, "Grüße", "b", findings=({"gate": "tests"},), messages=("m",))))
    assert told["version"] == 1
    assert told["task"] == {"title": "Grüße", "body": "b", "instructions": ""}
    assert (told["findings"], told["messages"]) == ([{"gate": "tests"}], ["m"])


def test_schemas_are_compiled_once() -> None:
    """Proves: 002-09."""
    compiled = [model.__pydantic_validator__ for model in (Result, Rules)]
    for _ in range(3):
        read(b"{}")
        read_config("version: 1\n")
    assert [model.__pydantic_validator__ for model in (Result, Rules)] == compiled
