"""Listeners that never read: how many there can be, what they cost, and that they are let go."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Message

from app.api.problems import Problem
from app.api.seats import Seats
from tests.app.browser.served import listening, serving
from tests.app.town import Town
from tests.app.web import Web, web

MOST, MANY = 5, 25


@contextmanager
def deaf(address: str, path: str) -> Iterator[socket.socket]:
    """Somebody who asks for a stream and reads nothing of it."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as one:
        asked = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n"
        one.sendall(asked.encode())
        yield one


def first_line(one: socket.socket) -> bytes:
    """What was answered."""
    return one.recv(65536, socket.MSG_PEEK).split(b"\r\n")[0]


def soon_free(at: Web) -> bool:
    until = time.monotonic() + 60
    while at.seats.taken and time.monotonic() < until:
        time.sleep(0.02)
    return at.seats.taken == 0


@pytest.mark.parametrize("path", ["/live", "/live/{running}", "/api/v1/runs/{running}/events"])
def test_of_many_that_never_read_some_are_seated_the_others_are_told_why_and_every_seat_comes_free(town: Town, path: str) -> None:
    """Proves: I20, 003-13."""
    with listening() as (listener, address):
        at = web(town, bind=address.removeprefix("http://"))
        at.seats.most = MOST
        with serving(at.app, listener), ExitStack() as crowd:
            everybody = [crowd.enter_context(deaf(address, path.format(running=town["running"]))) for _ in range(MANY)]
            answers = [first_line(one) for one in everybody]
            assert sorted(answers) == [b"HTTP/1.1 200 OK"] * MOST + [b"HTTP/1.1 503 Service Unavailable"] * (MANY - MOST)
            refused = next(one for one, answer in zip(everybody, answers, strict=True) if b"503" in answer)
            assert b"5 streams are open already. Try again later, or ask for JSON." in refused.recv(65536)
            assert at.seats.taken == MOST
            crowd.close()
            assert soon_free(at)
            with deaf(address, path.format(running=town["running"])) as late:
                assert first_line(late) == b"HTTP/1.1 200 OK"


async def silence() -> Message:
    """A connection on which nothing more arrives."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable: nobody sets it")


async def drop(message: Message) -> None:
    """Send it nowhere."""


def test_a_stream_that_breaks_before_its_first_message_leaves_no_seat_taken() -> None:
    async def broken() -> Iterator[str]:  # type: ignore[misc]  # it never yields
        raise OSError("the store is away")
        yield ""

    seats, scope = Seats(most=1), {"type": "http", "path": "/live", "method": "GET"}
    with pytest.raises(OSError, match="away"):
        asyncio.run(seats.seated(StreamingResponse(broken()))(scope, silence, drop))  # type: ignore[arg-type]  # as above
    assert seats.taken == 0
    seats.taken = 1
    with pytest.raises(Problem):
        asyncio.run(seats.seated(StreamingResponse(broken()))(scope, silence, drop))  # type: ignore[arg-type]  # as above
    assert seats.taken == 1
