"""Result documents and briefs, as data."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

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


VALUES = st.none() | st.booleans() | st.integers(-2, 10**13) | st.floats(allow_nan=False) | st.text(max_size=3)
NESTED = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.sampled_from(["input", "output", "cached", "x"]), VALUES, max_size=2)
DOCUMENTS = st.dictionaries(st.sampled_from([*Result.model_fields, "from_tomorrow"]), NESTED, max_size=4)
SCHEMA = Draft202012Validator(Result.model_json_schema())


@given(DOCUMENTS)
@example({"tokens": 5, "questions": ["?"], "decision": None, "cost_usd": 1})
@example({"tokens": {"input": 1}, "summary": "x"})
@settings(max_examples=300, deadline=None)
def test_what_the_printed_schema_allows_is_what_is_read(document: dict[str, object]) -> None:
    """`slipway schema result` is the schema, and nothing else is believed. Proves: 000-04."""
    try:
        read(json.dumps(document).encode())
    except BadResult:
        assert not SCHEMA.is_valid(document)
    else:
        assert SCHEMA.is_valid(document)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"tokens": -1}', "tokens"),
        (b'{"questions": ["?", 5]}', "questions.1"),
        (b'{"cost_usd": -1}', "cost_usd"),
    ],
)
def test_a_bad_result_says_where(data: bytes, told: str) -> None:
    """Proves: 003-06."""
    with pytest.raises(BadResult) as bad:
        read(data)
    assert str(bad.value).partition(":")[0].removesuffix(".int") == told
