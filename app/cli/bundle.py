"""`slipway show RUN --evidence DIR`: everything that is kept of a run, in one folder that explains it to somebody who has nothing else."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from app.cli.lines import event_line
from app.cli.story import story
from app.egress_record import asked
from jobs.errors import Fault, UserError

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]|^\.+")
PARTS: Mapping[str, str] = {
    "story.txt": "what `slipway show` says: how the run ended and why, turn by turn",
    "run.json": "the run's page, as the API gives it",
    "events.txt": "what happened, one line each",
    "events.jsonl": "the same, whole",
    "artifacts/": "ATTEMPT-STEP-ITERATION and: .brief.json, .prompt (what the agent was told), .stdout, .stderr (what it said), "
    ".transcript.jsonl (the same, in one form for every agent), .diff "
    "(what it changed), .GATE (what a gate printed); egress-… is what the sandbox tried to reach",
    "SHA256SUMS": "a checksum of every file here",
}


class Artifacts(Protocol):
    """Large outputs of a run."""

    def get(self, run_id: str, name: str) -> bytes:
        """The data. Raises KeyError, and Fault when it is damaged."""
        ...


def write(folder: Path, page: Mapping[str, Any], events: Iterable[Mapping[str, Any]], artifacts: Artifacts, now: float) -> int:
    """Write the bundle into `folder`, which is made; how many files. What cannot be had is named in the story. Raises UserError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder: name one that does not exist yet")
    files = dict(_files(page, list(events), artifacts, now))
    files["SHA256SUMS"] = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise UserError(f"{folder} cannot be written to ({error.strerror}): name another folder") from error
    return len(files)


def _files(page: Mapping[str, Any], events: list[Mapping[str, Any]], artifacts: Artifacts, now: float) -> Iterator[tuple[str, bytes]]:
    missing: list[str] = []
    for name in page["artifacts"]:
        try:
            yield f"artifacts/{_UNFIT.sub('-', name)}", artifacts.get(page["id"], name)
        except (KeyError, Fault) as error:
            missing.append(f"{name}: {error.reason.text if isinstance(error, Fault) else 'not on this machine, or no longer kept'}")
    lines = [line.plain for line in story(page, now, asked(page, artifacts))]
    lost = ["", "Not to be had:", *(f"  {one}" for one in missing)] if missing else []
    here = ["", "In this folder:", *(f"  {name:<14}{text}" for name, text in PARTS.items())]
    yield "story.txt", _text([*lines, *here, *lost])
    yield "run.json", json.dumps(page, ensure_ascii=False, indent=2).encode()
    yield "events.txt", _text("".join(str(part) for part in event_line(event)) for event in events)
    yield "events.jsonl", _text(json.dumps(event, ensure_ascii=False) for event in events)


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")
