"""The HTTP connection to GitHub: one pooled client and one event loop a process, driven from synchronous code."""

import asyncio
import os
import ssl
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextvars import copy_context
from functools import cached_property
from typing import Any, TypeVar

import anyio
import httpx

from infra.github.answer import Answer
from jobs.errors import Fault

T = TypeVar("T")
TOTAL_S = 60.0
MOST_BYTES = 50 * 1000**2


class _Session:
    """What must not cross a fork: the loop, the connections, and the lock that lets in one call at a time."""

    def __init__(self, timeout_s: float, trusted: ssl.SSLContext) -> None:
        self.process = os.getpid()
        self.turn = threading.Lock()
        self.runner = asyncio.Runner()
        timeout = httpx.Timeout(timeout_s, connect=min(5.0, timeout_s))
        # trust_env=False: a proxy or a .netrc of the environment must not see the App's tokens.
        self.client = httpx.AsyncClient(verify=trusted, timeout=timeout, trust_env=False, follow_redirects=False)


class Wire:
    """Sends requests. Safe to share between threads: calls queue up, as GitHub asks its clients to do anyway."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._session: _Session | None = None
        self._calls: Counter[tuple[str, str]] = Counter()
        self._guard = threading.Lock()

    def warm(self) -> None:
        """Load certificates and modules now: a process that is forked afterwards has them, and need not."""
        _ = self._trusted
        asyncio.run(anyio.sleep(0))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, from a thread that has no running event loop.

        What is logged on the way carries the ids of this call: a runner's own context is that of its first one.
        """
        session = self._live()
        with session.turn:
            return session.runner.run(work, context=copy_context())

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request, one answer. Raises Fault(`github_unavailable`) when there is none; a write may have been done then."""
        try:
            async with asyncio.timeout(TOTAL_S), self._live().client.stream(method, url, headers=dict(headers), content=body) as answer:
                self._calls[method, f"{answer.status_code // 100}xx"] += 1
                return Answer(answer.status_code, dict(answer.headers), await _read(answer))
        except (httpx.HTTPError, TimeoutError) as error:
            self._calls[method, "none"] += 1
            text = f"GitHub could not be reached or did not answer in time ({type(error).__name__}). It is tried again."
            raise Fault("github_unavailable", text) from error

    def counted(self) -> Mapping[tuple[str, str], int]:
        """The calls since the last time, by method and class of answer (`2xx`, …; `none` where there was none)."""
        calls, self._calls = self._calls, Counter()
        return calls

    def close(self) -> None:
        """Close the connections of this process; a later call opens new ones."""
        with self._guard:
            session, self._session = self._session, None
        if session and session.process == os.getpid():
            with session.turn:
                session.runner.run(session.client.aclose())
                session.runner.close()

    def _live(self) -> _Session:
        session = self._session
        if session is not None and session.process == os.getpid():
            return session
        with self._guard:
            if self._session is None or self._session.process != os.getpid():
                self._session = _Session(self._timeout_s, self._trusted)
            return self._session

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """The authorities whose word is believed, read once."""
        return httpx.create_ssl_context(trust_env=False)


async def _read(answer: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > MOST_BYTES:
            raise Fault("github_unavailable", f"GitHub's answer is larger than {MOST_BYTES} bytes and was not read. Report this.")
        parts.append(part)
    return b"".join(parts)
