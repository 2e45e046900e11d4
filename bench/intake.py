"""Signed deliveries against the real web role, each with a durable row: `python -m bench.intake [--peers] [--rounds 5]`.

Beside it the same server answering a constant, the least that verifies and stores, and (with `--peers`, which needs node and npm)
the two Node peers, which keep nothing durable. Each contestant is one process; servers take turns within a round. What counts is
the server's own CPU time per delivery, and ratios between contestants of one run.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.signature import sign
from bench.intake_servers import SECRET
from infra.redis_server import ensure, place, stop
from tests.payloads.octokit import example

OURS = ("constant", "floor", "slipway")
PEERS = ("octokit", "probot")
CONNECTIONS = 32
DELIVERIES = 6_000
TICKS = os.sysconf("SC_CLK_TCK")
BODY = json.dumps(example("issues", "labeled"), separators=(",", ":")).encode()
BODY += b" " * (12_547 - len(BODY))
HEAD = (
    "POST /webhook HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: GitHub-Hookshot/0\r\naccept: */*\r\ncontent-type: application/json\r\n"
    "x-github-hook-id: 1\r\nx-github-hook-installation-target-id: 4711\r\nx-github-hook-installation-target-type: integration\r\n"
    f"x-github-event: issues\r\nx-hub-signature-256: {sign(SECRET, BODY).decode()}\r\ncontent-length: {len(BODY)}\r\n"
)


@dataclass(frozen=True)
class Load:
    """What one burst of deliveries came to."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mib: float


def request() -> bytes:
    """A delivery of its own; GitHub's ids are of the kind that begins with the time."""
    return f"{HEAD}x-github-delivery: {uuid.uuid1()}\r\n\r\n".encode() + BODY


async def one_by_one(port: int, requests: list[bytes], every_s: float, taken: list[float]) -> None:
    """One connection's share; `every_s` apart, or without a pause."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.perf_counter()
    for each in requests:
        due += every_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()) if every_s else 0)
        begun = time.perf_counter()
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise RuntimeError(head.decode())
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        taken.append(time.perf_counter() - begun)
    writer.close()


def load(port: int, pid: int, count: int, rate: float | None = None) -> Load:
    """`count` deliveries over all connections; at `rate` a second, or as fast as they are answered."""
    shares = [[request() for _ in range(count // CONNECTIONS)] for _ in range(CONNECTIONS)]
    taken: list[float] = []
    before, begun = cpu_s(pid), time.perf_counter()

    async def together() -> None:
        await asyncio.gather(*(one_by_one(port, share, CONNECTIONS / rate if rate else 0.0, taken) for share in shares))

    asyncio.run(together())
    wall, used = time.perf_counter() - begun, cpu_s(pid) - before
    taken.sort()
    return Load(len(taken) / wall, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3, used / len(taken) * 1e6, rss_mib(pid))


def cpu_s(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


def rss_mib(pid: int) -> float:
    """What it holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@contextmanager
def serving(kind: str, data: Path, redis: Path, peers: Path | None) -> Iterator[tuple[int, int]]:
    """A contestant on its first core: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data.mkdir(parents=True)
    own = [sys.executable, "-m", "bench.intake_servers", kind, str(data), str(port), str(redis)]
    node = ["node", str(peers / f"{kind}.mjs"), str(port), str(redis), SECRET.decode()] if peers else []
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(node if kind in PEERS else own, stdout=log, stderr=log)
    os.sched_setaffinity(server.pid, {0})
    try:
        answers(port, server)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(20)


def answers(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Wait until somebody listens."""
    for _ in range(300):
        if server.poll() is not None:
            break
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("a contestant did not start; its log is in its data directory")


@contextmanager
def node_peers(wanted: bool) -> Iterator[Path | None]:
    """The Node contestants, installed by npm into a directory that is gone afterwards."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory() as name:
        place_ = Path(name)
        shutil.copytree(Path(__file__).with_name("intake_peers"), place_, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=place_, check=True)
        yield place_


def round_of(kinds: tuple[str, ...], home: Path, redis: Path, peers: Path | None, count: int) -> dict[str, tuple[Load, Load]]:
    """Each contestant once: at full speed, and at half of what it had then."""
    seen = {}
    for kind in kinds:
        with serving(kind, home / f"{kind}-{uuid.uuid4().hex[:6]}", redis, peers) as (port, pid):
            load(port, pid, count // 4)
            full = load(port, pid, count)
            seen[kind] = full, load(port, pid, count // 2, full.rate / 2)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    parser.add_argument("--peers", action="store_true")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    kinds = OURS + (PEERS if asked.peers else ())
    with tempfile.TemporaryDirectory() as name, node_peers(asked.peers) as peers:
        home = Path(name)
        redis = ensure(place(home / "redis"))
        try:
            rounds = [round_of(kinds, home, redis.place.socket, peers, asked.deliveries) for _ in range(asked.rounds)]
        finally:
            stop(redis)
    report({kind: [one[kind] for one in rounds] for kind in kinds})


def report(seen: dict[str, list[tuple[Load, Load]]]) -> None:
    """The medians of the rounds, and the ratios they were made for."""
    print(f"{'':9} {'req/s':>7} {'p50 ms':>7} {'p99 ms':>7} {'CPU µs':>7} {'RSS MiB':>8} {'half: p50':>10} {'p99':>7}")
    middle = {kind: [_middle([pair[half] for pair in pairs]) for half in (0, 1)] for kind, pairs in seen.items()}
    for kind, (full, half) in middle.items():
        speed = f"{full.rate:7.0f} {full.p50_ms:7.2f} {full.p99_ms:7.2f} {full.cpu_us:7.1f} {full.rss_mib:8.0f}"
        print(f"{kind:9} {speed} {half.p50_ms:10.2f} {half.p99_ms:7.2f}")
    ours = middle["slipway"]
    print(f"p99 at half of the capacity: {ours[1].p99_ms / middle['constant'][1].p99_ms:.1f} x the constant (goal: at most 4)")
    for kind, goal in (("octokit", 1.0), ("probot", 0.6)):
        if kind in middle:
            print(f"CPU per delivery: {ours[0].cpu_us / middle[kind][0].cpu_us:.2f} x {kind} (goal: at most {goal})")
    print(f"CPU per delivery over the least that verifies and stores: {ours[0].cpu_us / middle['floor'][0].cpu_us:.2f} x")


def _middle(loads: list[Load]) -> Load:
    return Load(*(statistics.median(getattr(one, name) for one in loads) for name in ("rate", "p50_ms", "p99_ms", "cpu_us", "rss_mib")))


if __name__ == "__main__":
    main()
