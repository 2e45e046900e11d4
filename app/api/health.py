"""`/healthz` and `/readyz`: what is up, part by part, with a reason for each that is not. No versions, no addresses, no secrets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Probe = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the service. `probe` answers None when it is up, else why not, in a sentence.

    Without a `needed` part the service is not ready; without another one it goes on, degraded.
    """

    name: str
    probe: Probe
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """A part as it was found."""

    name: str
    reason: str | None
    needed: bool

    @property
    def state(self) -> str:
        """`ok`, `degraded` or `down`."""
        if self.reason is None:
            return "ok"
        return "down" if self.needed else "degraded"


def check(parts: tuple[Part, ...]) -> tuple[Checked, ...]:
    """Every part, probed."""
    return tuple(Checked(part.name, part.probe(), part.needed) for part in parts)


def as_json(found: tuple[Checked, ...]) -> Mapping[str, object]:
    """What `/readyz` answers."""
    ready = all(one.state != "down" for one in found)
    return {"ready": ready, "parts": {one.name: {"state": one.state, "reason": one.reason} for one in found}}


def routes(parts: tuple[Part, ...]) -> list[Route]:
    """The two public addresses."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        answer = as_json(await run_in_threadpool(check, parts))
        return JSONResponse(answer, 200 if answer["ready"] else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
