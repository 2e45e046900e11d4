"""The hidden mark on what we write, by which a later try knows its own earlier work. Nobody without the key can make one."""

import hashlib
import hmac
import re

from jobs.model import Run

MARK = re.compile(r"<!-- slipway:run=([0-9a-f]{32}):([0-9a-f]{32}) -->")


def marker(run: Run, key: bytes) -> str:
    """An HTML comment naming the run; the same for the same run and key."""
    return f"<!-- slipway:run={run.id}:{_proof(run.repository.scope, run.id, key)} -->"


def carries(body: str, run: Run, key: bytes) -> bool:
    """Whether a text bears the run's mark."""
    return marker(run, key) in body


def first_proven(body: str, scope: str, key: bytes) -> int | None:
    """Where the first mark of any run of ours in that scope ends; None for a text without one."""
    found = (match for match in MARK.finditer(body) if hmac.compare_digest(match[2], _proof(scope, match[1], key)))
    return next((match.end() for match in found), None)


def _proof(scope: str, run_id: str, key: bytes) -> str:
    return hmac.new(key, f"{scope}/{run_id}".encode(), hashlib.sha256).hexdigest()[:32]
