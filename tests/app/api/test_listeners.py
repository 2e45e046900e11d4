"""Listeners that never read, on a real server: as many as there are seats, and every seat is free again when they are gone."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.app.town import Town
from tests.app.web import Web, web

MOST, ASKED = 20, 60
PATIENCE_S = 30.0


@contextmanager
def served(at: Web) -> Iterator[int]:
    """The port of a server of the application."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(at.client.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)


def listener(port: int, run_id: str) -> socket.socket:
    """Somebody who asks for a stream."""
    one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    one.sendall(f"GET /api/v1/runs/{run_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
    return one


def until(true: object, patience_s: float = PATIENCE_S) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + patience_s
    while not true():  # type: ignore[operator]  # a function without arguments
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_listeners_that_never_read_take_no_more_than_the_seats_and_leave_none_behind(town: Town) -> None:
    """Proves: 003-13, I20."""
    at = web(town)
    at.seats.most = MOST
    with served(at) as port:
        crowd = [listener(port, town["running"]) for _ in range(ASKED)]
        statuses = Counter(one.recv(12).decode().split()[1] for one in crowd)  # the status line, and nothing after it
        assert statuses == {"200": MOST, "503": ASKED - MOST}
        assert at.seats.taken == MOST
        for one in crowd:
            one.close()
        assert until(lambda: at.seats.taken == 0)
        with listener(port, town["succeeded"]) as late:
            assert late.recv(12).decode().endswith("200")
