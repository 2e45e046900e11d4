"""What an operation of the API is: one value makes its route, its access check, its parsing and its page of the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from app.access import Principal, Scope
from app.api.parameters import Parameter
from app.api.ports import Desk


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that was let in and parsed: `query` holds every parameter of the operation, `body` is an instance of its body model."""

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any = None


Act = Callable[[Desk, Ask], Response]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `act` may block: it runs in a thread.

    `stream` answers whoever accepts `text/event-stream`, with what `streams` says. `answers` is the shape of what `act` answers; None where
    that is not JSON.
    """

    method: str
    path: str
    need: Scope
    act: Act
    says: str
    answers: type[BaseModel] | None
    body: type[BaseModel] | None = None
    query: tuple[Parameter, ...] = ()
    status: int = 200
    stream: Act | None = None
    streams: str = ""
