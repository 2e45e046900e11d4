"""What a Redis has to be like."""

from pathlib import Path

from app.redis_care import look_at, tend
from infra.redis_server import answer
from infra.rq_queue import ringing_client
from tests.serving import embedded_redis


def test_one_that_forgets_is_told_of(tmp_path: Path) -> None:
    """Proves: F23."""
    with embedded_redis(tmp_path) as server:
        assert look_at(server.url) is None
        with ringing_client(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        assert "set it to noeviction" in (look_at(server.url) or "")


def test_one_that_is_not_there_yet_keeps_nothing_from_starting(tmp_path: Path) -> None:
    """Proves: F20."""
    assert look_at(f"unix://{tmp_path}/none.sock") is None


def test_one_that_lives_is_left_alone(tmp_path: Path) -> None:
    with embedded_redis(tmp_path) as server:
        tend(server)
        assert answer(server.place.socket) == "ok"
