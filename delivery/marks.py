"""The hidden mark on what we write, by which a later try knows its own earlier work. Nobody without the key can make one."""

import hashlib
import hmac

from jobs.model import Run


def marker(run: Run, key: bytes) -> str:
    """An HTML comment naming the run; the same for the same run and key."""
    told = f"{run.repository.scope}/{run.id}".encode()
    return f"<!-- slipway:run={run.id}:{hmac.new(key, told, hashlib.sha256).hexdigest()[:32]} -->"


def carries(body: str, run: Run, key: bytes) -> bool:
    """Whether a text bears the run's mark."""
    return marker(run, key) in body
