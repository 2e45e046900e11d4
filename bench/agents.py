"""What agents print, taken in: `python -m bench.agents [--stream MB] [--output MB]`.

Streams: each agent's events read by its adapter (`parse`) and made into a transcript, beside a plain `json.loads` of the same lines: MB a
second of processor time. Output: a program that prints as fast as it can, captured by the launcher's own reader, beside the bare pipe
read and thrown away: seconds, and by how much the memory of the process grew; then all that is done until such a launch is told: read by
its adapter, made into a transcript, masked, compressed, on disk.
"""

import argparse
import contextlib
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
from infra.outputs import WHOLE, Outputs, lines_of
from infra.process import Bounds, Command, run
from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from infra.store.engine import open_store
from jobs.evidence import Ended
from jobs.model import Run
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
    """Beside the pipe alone: the capture, and all that is done until a launch of such a program is told."""
    before = most_held()
    for agent in ("command", "claude"):
        rounds = [(bare(size), *taken_in(agent, size)) for _ in range(ROUNDS)]
        pipe, capture, whole = (statistics.median(times) for times in zip(*rounds, strict=True))
        of_pipe = statistics.median(whole / pipe for pipe, _, whole in rounds)
        told = f"pipe {pipe:.1f} s   captured {capture:.1f} s   in all {whole:.1f} s   ÷ pipe {of_pipe:.2f}"
        yield f"{agent:<9} {size} MB   {told}   memory +{most_held() - before} MB"


def taken_in(agent: str, size: int) -> tuple[float, float]:
    """Seconds until all is captured, and until it was read by the adapter, made into a transcript, masked and kept."""
    began = time.monotonic()
    bounds = Bounds(600.0, output_bytes=2 * size * MB, whole_bytes=WHOLE)
    found = run(Command(flood(size), dict(os.environ)), bounds).stdout
    captured_s = time.monotonic() - began
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, store(Path(folder)) as (asked, outputs):
        began = time.monotonic()
        AGENTS[agent].parse(lines_of(found), END)
        outputs.pour(asked.id, "transcript", transcript(lines_of(found), AGENTS[agent], outputs))
        kept = outputs.keep(asked.id, "stdout", found)
        whole = captured_s + time.monotonic() - began
    assert (kept.size, kept.tail[-9:]) == (size * MB, found.tail[-9:]), "the tail is not kept"
    return captured_s, whole


@contextlib.contextmanager
def store(folder: Path) -> Iterator[tuple[Run, Outputs]]:
    """A run and where its outputs are kept."""
    engine = open_store(folder)
    yield start(engine), Outputs(FileArtifacts(engine, folder / "artifacts"), Redactor([SECRET]))
    engine.dispose()


def most_held() -> int:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


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
