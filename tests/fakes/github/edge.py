"""The wire: a Starlette app on loopback, and the faults that only a wire can have."""

import asyncio
import socket
import threading
from collections.abc import MutableMapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.fakes.github.gate import Asked, Gate, Reply
from tests.fakes.github.page import SignInPage
from tests.fakes.github.smart import SmartGit

LINKS: MutableMapping[Any, asyncio.Transport] = {}
"""Open connections by the client's address, so that a fault can cut one."""


class CutProtocol(H11Protocol):
    """uvicorn's protocol, with its connections within reach."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Remember the connection."""
        LINKS[transport.get_extra_info("peername")] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        LINKS.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)


class Edge:
    """One ASGI callable for API and git."""

    def __init__(self, gate: Gate, git: SmartGit) -> None:
        self.gate = gate
        self.git = git

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or fail the way the script says."""
        request = Request(scope, receive)
        asked = Asked(
            method=request.method,
            path=scope["raw_path"].decode(),
            query=dict(request.query_params),
            headers={key.lower(): value for key, value in request.headers.items()},
            body=await request.body(),
        )
        handle = self.git.handle if self.git.matches(asked.path) else self.gate.handle
        reply: Reply = await run_in_threadpool(handle, asked)
        kind = reply.trouble.kind if reply.trouble else ""
        if kind == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        elif kind == "cut":
            LINKS[scope["client"]].abort()
        else:
            await Response(reply.body, reply.status, reply.headers)(scope, receive, send)


class Server:
    """uvicorn in a thread, on a free port of loopback."""

    def __init__(self, gate: Gate, git: SmartGit, port: int = 0) -> None:
        app = Starlette(routes=[Route("/login/oauth/authorize", SignInPage(gate.hub).__call__), Mount("/", app=Edge(gate, git))])
        # With its protocol spelled out: asyncio switches Nagle's delay (40 ms a POST) off for such sockets only.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            app, http=CutProtocol, log_level="critical", access_log=False, lifespan="off", date_header=False, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True, name="fake-github")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Listen; connections made from now on are answered."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let open calls go."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
