"""`gidgethub`'s client over our wire: reads are tried again, writes never, and every failure is a fault that says what it is."""

import secrets
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from gidgethub.abc import GitHubAPI

from infra.github.answer import Answer, Moved, verdict
from infra.github.wire import Wire
from jobs.errors import Fault
from jobs.ports import Clock

log = structlog.get_logger("slipway.github")
AGENT = "slipway"
VERSION = {"x-github-api-version": "2022-11-28"}
"""The version every GitHub and every Enterprise Server in support understands; what we read is the same in later ones."""
READS = 5
FIRST_WAIT_S = 0.5
MOST_WAIT_S = 8.0
MOST_CACHED = 200
Cached = tuple[str | None, str | None, Any, str | None]


class Cache(OrderedDict[str, Cached]):
    """Answers by URL for conditional requests; the oldest go first."""

    def __setitem__(self, key: str, value: Cached) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST_CACHED:
            self.popitem(last=False)


class Api(GitHubAPI):
    """The calls of one installation (or of the App itself): its own rate limit and its own cache.

    Everything that is raised is a Fault: see `infra.github.answer`. No secret that `mask` knows is in one, even where GitHub repeats it.
    """

    def __init__(self, wire: Wire, clock: Clock, base_url: str, mask: Callable[[str], str] = str) -> None:
        super().__init__(AGENT, base_url=base_url, cache=Cache())
        self._wire = wire
        self._mask = mask
        self._clock = clock
        self.skew = 0.0

    async def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]:
        """`gidgethub` decodes a body before it looks at the status, so what is not good never gets there."""
        if _origin(url) != _origin(self.base_url):
            raise Fault("github_unavailable", "GitHub's answer led to another host, which is not followed. Check SLIPWAY_GITHUB_API_URL.")
        tries = READS if method == "GET" else 1
        for attempt in range(tries):
            try:
                answer = await self._answer(method, url, {**headers, **VERSION}, body)
            except Fault as fault:
                if fault.reason.code != "github_unavailable" or attempt + 1 == tries:
                    raise
                await self.sleep(_wait(attempt))
            else:
                return answer.status, answer.headers, answer.body
        raise AssertionError("unreachable: the last try returns or raises")

    async def fetched(self, url: str) -> str | None:
        """The text at an address GitHub gave out, asked for without credentials. None when it is not to be had."""
        if not url.startswith("https://") and _origin(url) != _origin(self.base_url):
            return None
        answer = await self._wire.send("GET", url, {"user-agent": AGENT}, b"")
        return answer.body.decode(errors="replace") if answer.status == 200 else None

    def spent(self) -> float:
        """For how many seconds the hourly limit is used up, by the last answer; 0 while something is left of it."""
        limit = self.rate_limit
        if limit is None or limit.remaining > 0:
            return 0.0
        return max(0.0, limit.reset_datetime.timestamp() - self._clock.now() - self.skew)

    async def sleep(self, seconds: float) -> None:
        """Wait, by the clock port; calls are one at a time, so nobody else is kept waiting."""
        self._clock.sleep(seconds)

    async def _answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = await self._send(method, url, headers, body)
        self._learn(answer)
        fault = self._verdict(method, url, answer)
        if isinstance(fault, Moved) and method == "GET":
            elsewhere = self._followed(url, answer)
            if elsewhere:
                answer = await self._send(method, elsewhere, headers, body)
                fault = self._verdict(method, elsewhere, answer)
        if fault:
            raise fault
        return answer

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return replace(await self._wire.send(method, url, headers, body), mask=self._mask)

    def _verdict(self, method: str, url: str, answer: Answer) -> Fault | None:
        what = f"{method} {urllib.parse.urlsplit(url).path}"
        fault = verdict(answer, what, self._clock.now())
        if fault and not isinstance(fault, Moved):
            tell = log.info if _absent(method, what, answer.status) else log.warning
            request = answer.headers.get("x-github-request-id")
            tell("github refused", call=what, status=answer.status, said=answer.said, github_request=request, reason=fault.reason.code)
        return fault

    def _learn(self, answer: Answer) -> None:
        """How far this machine's clock is behind GitHub's: an App's JWT is judged by theirs."""
        if answer.date is not None:
            self.skew = answer.date - self._clock.now()

    def _followed(self, url: str, answer: Answer) -> str | None:
        """Where a redirect leads, if that is a repository by its id on the same host: the token goes nowhere else."""
        target = urllib.parse.urljoin(url, answer.headers.get("location", ""))
        return target if target.startswith(f"{self.base_url.rstrip('/')}/repositories/") else None


def _absent(method: str, what: str, status: int) -> bool:
    """Whether something is not there, or no token for it is to be had: no trouble by itself, and whoever needed it says so."""
    return (method, status) == ("GET", 404) or (status == 422 and what.endswith("/access_tokens"))


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _wait(attempt: int) -> float:
    """Doubled each time, capped, spread so that many waiters do not come back at once."""
    most = min(MOST_WAIT_S, FIRST_WAIT_S * 2.0**attempt)
    return most * (0.5 + secrets.randbelow(1000) / 2000)
