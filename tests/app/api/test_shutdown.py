"""An open stream holds nobody up."""

import signal
import subprocess
import sys
import urllib.request

SERVER = """
import socket, uvicorn, anyio
from sse_starlette import ServerSentEvent
from starlette.applications import Starlette
from starlette.routing import Route
from app.api.streams import sse
from app.api.watching import pause

async def endless(closing):
    yield ServerSentEvent("{}", event="begun")
    while not closing.is_set():
        await pause(closing, 60)

async def stream(request):
    closing = anyio.Event()
    return sse(endless(closing), closing)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(Starlette(routes=[Route("/", stream)]), log_level="warning")).run(sockets=[listener])
"""


def test_a_server_with_an_open_stream_stops_when_told_and_complains_of_nothing() -> None:
    """Proves: 004-26."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{server.stdout.readline().strip()}/") as stream:
            assert stream.readline() == b"event: begun\r\n"
            server.send_signal(signal.SIGTERM)
            _, said = server.communicate(timeout=30)
            assert stream.read().strip() == b"data: {}"
    assert said == ""
    assert server.returncode in {0, -signal.SIGTERM}
