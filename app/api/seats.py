"""How many may follow a stream at the same time in this process."""

from dataclasses import dataclass

import structlog
from sse_starlette.sse import SendTimeoutError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.problems import Problem

log = structlog.get_logger("slipway.web")


@dataclass
class Seats:
    """A bounded number of listeners. What a listener costs is bounded too: one that does not read is waited for, and then let go."""

    most: int = 200
    taken: int = 0

    def seated(self, stream: Response) -> Response:
        """The stream, which takes a seat when it begins and gives it back when it ends, in whatever way."""
        return _Seated(self, stream)


class _Seated(Response):
    """Takes the seat where no other answer can come between asking for one and having it."""

    def __init__(self, seats: Seats, stream: Response) -> None:
        super().__init__()
        self._seats, self._stream = seats, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream. Raises Problem 503 before a byte is sent, when no seat is free."""
        seats = self._seats
        if seats.taken >= seats.most:
            raise Problem(503, f"{seats.most} streams are open already. Try again later, or ask for JSON.", {"Retry-After": "30"})
        seats.taken += 1
        try:
            await self._stream(scope, receive, send)
        except SendTimeoutError:
            log.info("a listener that did not read was let go", path=scope["path"])
        finally:
            seats.taken -= 1
