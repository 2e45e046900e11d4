"""What the connection to GitHub does with answers no server of ours would give: at the edge of HTTP, by respx."""

from collections.abc import Iterator

import httpx
import pytest
import respx
import structlog

from infra.github.wire import MOST_BYTES, Wire
from jobs.errors import Fault

URL = "https://api.github.com/zen"


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.WriteError("gone"),
        httpx.PoolTimeout("full"),
        httpx.TooManyRedirects("round"),
    ],
)
def test_no_answer_is_one_fault_whatever_came_in_between(wire: Wire, trouble: Exception) -> None:
    """Proves: F76, 000-10."""
    with respx.mock() as github:
        github.get(URL).mock(side_effect=trouble)
        with pytest.raises(Fault) as caught:
            wire.run(wire.send("GET", URL, {}, b""))
    assert caught.value.reason.code == "github_unavailable"
    assert type(trouble).__name__ in caught.value.reason.text


@pytest.mark.parametrize("body", [b"", b"<html>unicorn</html>", b'{"message": "cut', b"\xff\xfe", b"[" * 500])
def test_a_body_that_is_no_json_is_an_answer_without_a_document(wire: Wire, body: bytes) -> None:
    """Proves: F76."""
    with respx.mock() as github:
        github.get(URL).respond(502, content=body)
        answer = wire.run(wire.send("GET", URL, {}, b""))
    assert (answer.status, answer.document, answer.said) == (502, None, "")


def test_a_redirect_is_an_answer_and_is_not_followed(wire: Wire) -> None:
    """Proves: F84."""
    with respx.mock(assert_all_called=False) as github:
        github.get(URL).respond(301, headers={"location": "https://elsewhere.example/"})
        elsewhere = github.get("https://elsewhere.example/").respond(200)
        answer = wire.run(wire.send("GET", URL, {"authorization": "Bearer t"}, b""))
    assert answer.status == 301
    assert not elsewhere.called


def test_an_endless_answer_is_given_up(wire: Wire) -> None:
    """Proves: I20."""
    with respx.mock() as github:
        github.get(URL).respond(200, content=b"x" * (MOST_BYTES + 1))
        with pytest.raises(Fault):
            wire.run(wire.send("GET", URL, {}, b""))


def test_what_is_logged_carries_the_ids_of_the_call_and_not_of_the_first_one() -> None:
    """Proves: I23."""
    wire = Wire()
    seen = []

    async def look() -> None:
        seen.append(structlog.contextvars.get_contextvars())

    for run in ("one", "two"):
        with structlog.contextvars.bound_contextvars(run=run):
            wire.run(look())
    wire.run(look())
    wire.close()
    assert seen == [{"run": "one"}, {"run": "two"}, {}]
