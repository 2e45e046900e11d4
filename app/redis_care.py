"""Looks after Redis: keeps the embedded server alive as long as `slipway up` runs, and knows what another one has to be like."""

import structlog
from redis.exceptions import RedisError

from infra import redis_server
from infra.redis_server import Server
from infra.rq_queue import ringing_client

log = structlog.get_logger("slipway.redis")


def tend(server: Server) -> None:
    """Start the server again when it is gone; whoever waits for it goes on. Raises RedisUnavailable."""
    if redis_server.answer(server.place.socket) == "down":
        log.error("the embedded Redis server is gone and is started again; see its log", log=str(server.place.log))
        redis_server.ensure(server.place)


def look_at(url: str) -> str | None:
    """What is wrong with a Redis of the operator's own, in a sentence; None when nothing is, or nobody can tell.

    One that does not answer now is waited for by whoever needs it: that alone keeps no process from starting.
    """
    with ringing_client(url) as client:
        try:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        except RedisError:
            return None
    if policy == "noeviction":
        return None
    return f"Redis has the maxmemory-policy {policy} and may drop bells, so that runs start late: set it to noeviction"
