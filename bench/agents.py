"""What agents print, taken in: `python -m bench.agents [--stream MB] [--output MB]`.

Streams: each agent's events read by its adapter (`parse`) and made into a transcript, beside a plain `json.loads` of the same lines: MB a
second of processor time. Output: a program that prints as fast as it can, captured by the launcher's own reader, beside the bare pipe
read and thrown away: seconds, and by how much the memory of the process grew. What is kept afterwards (masked, compressed, on disk) is
timed apart.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.agents.adapter import End
from infra.agents.table import AGENTS
from infra.agents.transcript import transcript
from infra.artifacts import FileArtifacts
from infra.outputs import Outputs, lines_of
from infra.process import Bounds, Command, run
from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from infra.store.engine import open_store
from jobs.evidence import Ended
from tests.infra.agents.streams import SAMPLES
from tests.infra.agents.world import SECRET
from tests.infra.store.asked import start

MB = 1_000_000
ROUNDS = 3
END = End(Ended.EXIT, 0)


def stream(agent: str, size: int) -> Raw:
    """So many MB of what the agent prints in a long piece of work: its sample again and again, with a tool's answer of 2 kB between."""
    sample = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    answer = json.dumps({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "u", "content": "line\n" * 400}]}})
    block = "".join(f"{line}\n" for line in (*sample.lines[1:-1], answer)).encode()
    spool = Spool(2 * size * MB)
    for _ in range(size * MB // len(block)):
        spool.append(block)
    spool.append(f"{sample.lines[-1]}\n".encode())
    return captured(spool, 8_000, 24_000)


def plain(raw: Raw) -> int:
    """The peer: every line as JSON, and nothing done with it."""
    return sum(1 for line in lines_of(raw) if json.loads(line))


def speed(work: Callable[[], object], size: int) -> float:
    """MB a second of processor time: the middle of `ROUNDS`."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return size / MB / statistics.median(taken)


def streams(size: int) -> Iterator[str]:
    """A line for each agent."""
    outputs = Outputs(Nowhere(), Redactor([SECRET]))
    for agent in ("claude", "codex", "opencode", "gemini"):
        adapter, raw = AGENTS[agent], stream(agent, size)
        speeds = [
            speed(lambda raw=raw: plain(raw), raw.size),
            speed(lambda raw=raw, adapter=adapter: adapter.parse(lines_of(raw), END), raw.size),
            speed(lambda raw=raw, adapter=adapter: sum(map(len, transcript(lines_of(raw), adapter, outputs))), raw.size),
        ]
        peer, parsed, told = speeds
        yield f"{agent:<9} plain {peer:5.0f} MB/s   parse {parsed:5.0f} MB/s ({parsed / peer:.2f})   transcript {told:5.0f} MB/s"


class Nowhere:
    """A shelf that keeps nothing."""

    def keep(self, run_id: str, name: str, pieces: object, *, truncated: bool = False) -> str:
        """Nothing."""
        return name


def flood(size: int) -> tuple[str, ...]:
    """A program that prints so many MB."""
    return ("/bin/sh", "-c", f"yes 'a line of output as programs print them' | head -c {size * MB}")


def bare(size: int) -> float:
    """The peer: the pipe alone, in seconds."""
    began = time.monotonic()
    with subprocess.Popen(flood(size), stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdout is not None
        while os.read(child.stdout.fileno(), 1 << 16):
            pass
    return time.monotonic() - began


def output(size: int) -> Iterator[str]:
    """The pipe alone, the capture, and the keeping."""
    peer, before = bare(size), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    found = run(Command(flood(size), dict(os.environ)), Bounds(600.0, output_bytes=2 * size * MB))
    taken = time.monotonic() - began
    tail = found.stdout.tail[-10:]
    yield f"{size} MB     pipe {peer:.1f} s   captured {taken:.1f} s ({taken / peer:.2f})   memory +{grown(before)} MB   tail: {tail!r}"
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        engine = open_store(Path(folder))
        outputs = Outputs(FileArtifacts(engine, Path(folder) / "artifacts"), Redactor([SECRET]))
        asked, before = start(engine), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        outputs.keep(asked.id, "stdout", found.stdout)
        taken = time.monotonic() - began
        engine.dispose()
    yield f"{size} MB     kept (masked, compressed, on disk) in {taken:.1f} s ({size / taken:.0f} MB/s)   memory +{grown(before)} MB"


def grown(before: int) -> int:
    """By how many MB the most this process ever held grew."""
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", type=int, default=50, metavar="MB")
    parser.add_argument("--output", type=int, default=1000, metavar="MB")
    told = parser.parse_args()
    for lines in (output(told.output), streams(told.stream)):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
