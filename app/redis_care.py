"""Keeps the embedded Redis server alive for as long as `slipway up` runs."""

import structlog

from infra import redis_server
from infra.redis_server import Server

log = structlog.get_logger("slipway.redis")


def tend(server: Server) -> None:
    """Start the server again when it is gone; whoever waits for it goes on. Raises RedisUnavailable."""
    if redis_server.answer(server.place.socket) == "down":
        log.error("the embedded Redis server is gone and is started again; see its log", log=str(server.place.log))
        redis_server.ensure(server.place)
