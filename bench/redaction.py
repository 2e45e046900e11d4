"""How fast secrets are masked: `python -m bench.redaction`. Beside it: copying the same bytes, and searching for one word in them."""

import base64
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from infra.redact import Redactor

ROUNDS = 5
SIZE = 10_000_000
CHUNK = 1 << 16


def corpus() -> bytes:
    """Ordinary code: the standard library of this Python."""
    files = sorted(Path(sys.base_prefix, "lib", f"python3.{sys.version_info.minor}").rglob("*.py"))
    found = bytearray()
    for path in files:
        found += path.read_bytes()
        if len(found) >= SIZE:
            break
    return bytes(found[:SIZE])


def secrets() -> list[str]:
    """Twelve, as an installation has: eleven tokens and a private key."""
    chance = random.Random(1)
    tokens = [base64.urlsafe_b64encode(chance.randbytes(30)).decode() for _ in range(11)]
    lines = "\n".join(base64.b64encode(chance.randbytes(48)).decode() for _ in range(25))
    kind = "PRIVATE" + " KEY"
    return [*tokens, f"-----BEGIN RSA {kind}-----\n{lines}\n-----END RSA {kind}-----\n"]


def timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    data, hidden = corpus(), secrets()
    text, redactor = data.decode("latin-1"), Redactor(hidden)
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    salted = b"".join(piece + hidden[number % 12].encode() for number, piece in enumerate(pieces))
    assert hidden[3].encode() not in b"".join(redactor.stream([salted]))
    assert redactor.text(text) == text, "something ordinary was masked"
    ways: dict[str, Callable[[], object]] = {
        "copied, in pieces": lambda: b"".join(bytes(bytearray(piece)) for piece in pieces),
        "one word searched": lambda: text.count("no such word"),
        "redacted, as a stream": lambda: b"".join(redactor.stream(pieces)),
        "redacted, as one text": lambda: redactor.text(text),
        "a secret in every 64 KiB": lambda: b"".join(redactor.stream([salted])),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            taken[way].append(timed(work))
    for way, times in taken.items():
        print(f"{way:25} {len(data) / statistics.median(times) / 1e6:9,.0f} MB/s")
    print("twelve secrets, ten megabytes of ordinary code, nothing of it masked (aim: at least 100 MB/s)")


if __name__ == "__main__":
    main()
