"""What has to be known of all files of a commit, found out once for each template."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Place, failure

NAME = "listing.json"
ATTRIBUTES = b".gitattributes"
LINE = re.compile(rb"([0-9]{6}) ([0-9a-f]+) 0\t([^\0]+)")
SUBMODULE = re.compile(rb"(?:^|\0)160000 [0-9a-f]+ 0\t([^\0]+)")


@dataclass(frozen=True, slots=True)
class Listing:
    """The submodules of a commit, its attributes files as lines for an index, and whether it has any file at all."""

    submodules: frozenset[bytes] = frozenset()
    attributes: tuple[str, ...] = ()
    empty: bool = True


def listing(git: Git, control: Path, index: Path) -> Listing:
    """The listing of an index of ours; noted beside it for the next time."""
    file = index.with_name(NAME)
    if not file.exists():
        file.write_text(json.dumps(_found(lines(git, control, index))))
    found = json.loads(file.read_text())
    return Listing(frozenset(os.fsencode(path) for path in found["submodules"]), tuple(found["attributes"]), found["empty"])


def lines(git: Git, control: Path, index: Path) -> bytes:
    """Every entry of an index, as git prints it."""
    captured = git.run("ls-files", "-z", "--stage", at=Place(control, index))
    if not captured.ok:
        raise failure("Listing the files of the commit did not succeed", captured, "checkout_failed")
    return captured.stdout.data


def tracked(git: Git, control: Path, index: Path) -> frozenset[bytes]:
    """The paths of all files and links of an index."""
    return frozenset(path for mode, _, path in LINE.findall(lines(git, control, index)) if mode != b"160000")


def _found(text: bytes) -> dict[str, object]:
    attributes = [line for line in text.split(b"\0") if line.endswith(ATTRIBUTES)] if ATTRIBUTES in text else []
    return {
        "submodules": [os.fsdecode(path) for path in SUBMODULE.findall(text)] if b"160000 " in text else [],
        "attributes": [os.fsdecode(line) for line in attributes if line.endswith((b"\t" + ATTRIBUTES, b"/" + ATTRIBUTES))],
        "empty": not text,
    }
