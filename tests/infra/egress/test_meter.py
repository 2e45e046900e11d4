"""What providers say they used, however it is cut into pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.egress.meter import Meter, Reading
from jobs.evidence import Tokens

ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":20,"cache_creation_input_tokens":5,'
    b'"cache_read_input_tokens":7,'
    b'"output_tokens":1}}}\n\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'
    b'data: {"type":"message_delta","usage":{"output_tokens":15}}\n\n'
)
RESPONSES = b'data: {"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":4}}}\n\n'
CHAT = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
GEMINI = (
    b'data: {"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}}\r\n\r\n'
    b'data: {"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":4,"thoughtsTokenCount":2}}\r\n\r\n'
)


@pytest.mark.parametrize(
    ("answer", "tokens"), [(ANTHROPIC, Tokens(25, 15, 7)), (RESPONSES, Tokens(9, 4)), (CHAT, Tokens(11, 3)), (GEMINI, Tokens(5, 6))]
)
@given(st.data())
def test_usage_is_counted_once_however_the_stream_is_cut(answer: bytes, tokens: Tokens, data: st.DataObject) -> None:
    """Proves: 002-06."""
    meter = Meter()
    reading, left = Reading(meter), answer
    while left:
        size = data.draw(st.integers(1, len(left)))
        reading.feed(left[:size])
        left = left[size:]
    reading.end()
    assert meter.tokens == tokens


def test_an_answer_in_one_document_on_many_lines_is_counted() -> None:
    meter = Meter()
    reading = Reading(meter)
    reading.whole(json.dumps({"usage": {"input_tokens": 3, "output_tokens": 4}}, indent=2).encode())
    assert meter.tokens == Tokens(3, 4)


@given(st.binary(max_size=400))
def test_no_answer_breaks_the_meter(data: bytes) -> None:
    meter = Meter()
    reading = Reading(meter)
    reading.feed(b"data: " + data)
    reading.feed(b'{"usage": {"input_tokens": true, "output_tokens": "9"}}\n')
    reading.end()
    assert meter.tokens.input >= 0
