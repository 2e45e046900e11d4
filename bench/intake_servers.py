"""The contestants of `bench.intake` that are Python: `python -m bench.intake_servers KIND DATA PORT REDIS`."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from app import logs
from app.settings import load
from app.signature import verify
from app.webhook import CONTENT_TYPES
from app.wiring.ground import Ground
from app.wiring.web import Front

SECRET = b"a-secret-of-the-bench-with-more-than-32-bytes"
ANSWER = b'{"delivery":"00000000-0000-0000-0000-000000000000","status":"accepted"}'


async def _read(receive: Any) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Constant:
    """Reads the body and says the same to everybody."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await _read(receive)
        await _answer(send, ANSWER)


class _Event(msgspec.Struct):
    action: str


class Floor:
    """Verifies, looks at the action, and is answered when its row is on the disk: batched, and nothing else."""

    def __init__(self, file: Path) -> None:
        self._store = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL"):
            self._store.execute(f"PRAGMA {pragma}")
        self._store.execute(
            "CREATE TABLE inbox (id INTEGER PRIMARY KEY, app, event, delivery, action, at, body BLOB, UNIQUE (app, event, delivery))"
        )
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[None]]] = []
        self._writing = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        body = await _read(receive)
        if headers[b"content-type"] not in CONTENT_TYPES or verify([SECRET], [headers[b"x-hub-signature-256"]], body) != 0:
            raise RuntimeError("not signed")
        action = msgspec.json.decode(body, type=_Event).action
        key = (b"x-github-hook-installation-target-id", b"x-github-event", b"x-github-delivery")
        await self._stored((*(headers[name].decode() for name in key), action, time.time(), body))
        await _answer(send, ANSWER)

    def _stored(self, row: tuple[Any, ...]) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, answer))
        if not self._writing:
            self._writing = True
            loop.call_soon(self._write, loop)
        return answer

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        self._writing = bool(batch)
        if batch:
            done = self._thread.submit(self._commit, [row for row, _ in batch])
            done.add_done_callback(lambda _: loop.call_soon_threadsafe(self._written, loop, batch))

    def _written(self, loop: asyncio.AbstractEventLoop, batch: list[tuple[tuple[Any, ...], "asyncio.Future[None]"]]) -> None:
        self._write(loop)
        for _, answer in batch:
            answer.set_result(None)

    def _commit(self, rows: list[tuple[Any, ...]]) -> None:
        self._store.execute("BEGIN IMMEDIATE")
        self._store.executemany("INSERT OR IGNORE INTO inbox (app, event, delivery, action, at, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._store.execute("COMMIT")


def slipway(data: Path, redis: str) -> Any:
    """The whole web role, as `slipway web` serves it."""
    settings = load(
        {
            "SLIPWAY_DATA_DIR": str(data / "data"),
            "SLIPWAY_WEBHOOK_SECRETS": SECRET.decode(),
            "SLIPWAY_REDIS_URL": f"unix://{redis}",
            "SLIPWAY_LOG_FORMAT": "json",
            "PATH": "/usr/bin:/bin",
        }
    )
    return Front(Ground(settings, redactor=logs.configure(settings))).application


SERVERS: dict[str, Callable[[Path, str], Any]] = {
    "constant": lambda data, redis: Starlette(routes=[Route("/webhook", Constant(), methods=["POST"])]),
    "floor": lambda data, redis: Starlette(routes=[Route("/webhook", Floor(data / "floor.db"), methods=["POST"])]),
    "slipway": slipway,
}


def main() -> None:
    kind, data, port, redis = sys.argv[1:]
    served = SERVERS[kind](Path(data), redis)
    uvicorn.run(served, host="127.0.0.1", port=int(port), log_config=None, access_log=False, server_header=False, proxy_headers=False)


if __name__ == "__main__":
    main()
