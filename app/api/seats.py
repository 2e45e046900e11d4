"""How many may follow a stream at the same time in this process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

from app.api.problems import Problem

T = TypeVar("T")


@dataclass
class Seats:
    """A bounded number of listeners; each holds a seat while its stream lasts."""

    most: int = 200
    taken: int = 0

    def check(self) -> None:
        """Raises Problem 503 when no seat is free."""
        if self.taken >= self.most:
            raise Problem(503, f"{self.most} streams are open already. Try again later, or ask for JSON.", {"Retry-After": "30"})

    async def seated(self, stream: AsyncIterator[T]) -> AsyncIterator[T]:
        """The stream, counted while it lasts."""
        self.taken += 1
        try:
            async for one in stream:
                yield one
        finally:
            self.taken -= 1
