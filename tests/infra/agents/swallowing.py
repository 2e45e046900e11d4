"""A process of its own that takes in what an agent printed, as the launcher does, and says how much its memory grew.

`python -m tests.infra.agents.swallowing AGENT KIND MEGABYTES FOLDER` prints one JSON object: `failure`, `grown_mb`, `size`, `tail`, `kept`.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from infra.agents.adapter import End
from infra.agents.table import AGENTS
from infra.agents.transcript import transcript
from infra.artifacts import FileArtifacts
from infra.outputs import WHOLE, Outputs, lines_of
from infra.process import Bounds, Command
from infra.process import run as run_to_its_end
from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from infra.store.engine import open_store
from jobs.evidence import Ended
from tests.infra.agents.streams import SAMPLES
from tests.infra.store.asked import start

MB = 1_000_000


def one_line(size: int) -> Iterator[bytes]:
    """One event on one line."""
    yield b'{"type":"assistant","message":{"content":[{"type":"text","text":"'
    yield from (b"x" * MB for _ in range(size))
    yield b'"}]}}\n'


def binary(size: int) -> Iterator[bytes]:
    """No text at all, and no valid UTF-8."""
    yield from (bytes(range(128, 256)) * (MB // 128) for _ in range(size))
    yield b"\n"


def nested(size: int) -> Iterator[bytes]:
    """Lines that become as many objects as a line of that length can."""
    yield from (b"[" + b"{}," * (MB // 3 - 2) + b"0]\n" for _ in range(size))


def calls(size: int) -> Iterator[bytes]:
    """Nothing but tool calls and messages, of the shape of each agent."""
    events = "".join(f"{line}\n" for sample in SAMPLES if sample.name == "done" for line in sample.lines[1:-1]).encode()
    yield from (events * (MB // len(events)) for _ in range(size))


def chatter(size: int) -> Iterator[bytes]:
    """What belongs on the error stream: lines that are no events, some of them nearly."""
    line = b'[WARN] retrying {"type": "result"\r\n\x00\x1b[31mfatal\x1b[0m\n"type": "turn.failed"}\n\n'
    yield from (line * (MB // len(line)) for _ in range(size))


KINDS: Mapping[str, Callable[[int], Iterator[bytes]]] = {
    "line": one_line,
    "binary": binary,
    "nested": nested,
    "calls": calls,
    "chatter": chatter,
}


def printed(size: int) -> Raw:
    """What a program prints as fast as it can, captured as the launcher captures it."""
    script = f"yes 'a line of output as programs print them' | head -c {size * MB}; echo; echo the end"
    bounds = Bounds(110.0, output_bytes=2 * size * MB, whole_bytes=WHOLE)
    return run_to_its_end(Command(("/bin/sh", "-c", script), dict(os.environ)), bounds).stdout


def spooled(agent: str, kind: str, size: int) -> Raw:
    """A whole piece of work of the agent with that noise before its last line: all that is made, whatever of it would be kept."""
    lines = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done")).lines
    out = Spool(2 * size * MB)
    out.append("".join(f"{line}\n" for line in lines[:-1]).encode())
    for piece in KINDS[kind](size):
        out.append(piece)
    out.append(lines[-1].encode())
    return captured(out, 8_000, 24_000)


def grown() -> int:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def swallow(agent: str, kind: str, size: int, folder: Path) -> dict[str, object]:
    """Take it in, to the end of a launch."""
    engine = open_store(folder)
    run = start(engine)
    outputs = Outputs(FileArtifacts(engine, folder / "artifacts"), Redactor(["s3cr3t-V4lue-of-the-worker"]))
    adapter, before = AGENTS[agent], grown()
    raw = printed(size) if kind == "printed" else spooled(agent, kind, size)
    heard = adapter.parse(lines_of(raw), End(Ended.EXIT, 0))
    outputs.pour(run.id, "transcript", transcript(lines_of(raw), adapter, outputs))
    kept = outputs.keep(run.id, "stdout", raw)
    sizes = engine.connect().execute(sa.text("SELECT name, size FROM artifact")).all()
    failure = heard.failure.code if heard.failure else None
    sizes_by_name = {row.name: row.size for row in sizes}
    return {"failure": failure, "grown_mb": grown() - before, "size": kept.size, "tail": kept.tail[-20:], "kept": sizes_by_name}


if __name__ == "__main__":
    print(json.dumps(swallow(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
