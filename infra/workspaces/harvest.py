"""What the agent left becomes a commit of ours, made in our control directory and never near the agent's own git."""

from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Input, Place
from infra.process import Captured
from infra.workspaces import stream
from infra.workspaces.agent_files import gave_way
from infra.workspaces.before import Before, Under, noted
from infra.workspaces.convert import Converter
from infra.workspaces.ignores import GitIgnores, WorkTree
from infra.workspaces.listing import Listing, tracked
from infra.workspaces.names import PLAIN_ONLY
from infra.workspaces.reading import Reader
from infra.workspaces.removal import remove
from infra.workspaces.stream import EMPTY_TREE, Commit, Made
from infra.workspaces.walk import MOST_BYTES, Changes, Walk
from jobs.errors import Fault, Refused
from jobs.evidence import Change, Ended, Snapshot

KINDS = {b"A": "added", b"D": "deleted"}
MOST_PATCH = 64 * 1000**2


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a harvest stands on: what the agent wrote (`files`), the commit's index and listing, and what lay below.

    `template` is the tree under the layer; None for a plain copy, whose entries are noted in `notes`. Changed files have at most
    `most_bytes` together.
    """

    files: Path
    index: Path
    listing: Listing
    scratch: Path
    template: Path | None = None
    notes: Path | None = None
    most_bytes: int = MOST_BYTES


def commit(git: Git, control: Place, grounds: Grounds, wanted: Commit) -> Made:
    """A commit of what is in the checkout now. Raises Refused with a snapshot-class reason."""
    if not grounds.files.is_dir():
        raise Refused("checkout_lost", "The checkout of this attempt is not there any more; a new attempt begins with a fresh one.")
    remove(grounds.scratch)
    grounds.scratch.mkdir()
    try:
        made, changes = _made(git, control, grounds, wanted)
    finally:
        remove(grounds.scratch)
    if any(found.path.rpartition(b"/")[2].decode(errors="replace").lower() in PLAIN_ONLY for found in changes.written):
        _refuse_unsound(git, control, made, wanted.base)
    if made.tree == EMPTY_TREE and not grounds.listing.empty:
        raise Refused("checkout_lost", "Every file of the checkout is gone, which is no change anybody asks for.")
    return made


def _made(git: Git, control: Place, grounds: Grounds, wanted: Commit) -> tuple[Made, Changes]:
    tree = WorkTree(grounds.scratch / "tree")
    written = grounds.scratch / "stream"
    with Reader(grounds.files) as reader, Reader(grounds.template or grounds.files) as below:
        before: Before = Under(below)
        if grounds.notes is not None:
            before = noted(grounds.notes, tracked(git, control.git_dir, grounds.index) - gave_way(grounds.notes.parent))
        ignores = GitIgnores(git, control.git_dir, tree)
        walk = Walk(reader, before, ignores, grounds.listing.submodules, layered=grounds.notes is None, most_bytes=grounds.most_bytes)
        changes = walk.run()
        converter = Converter(git, control.git_dir, tree, wanted.start, grounds.listing.attributes)
        stream.write(written, wanted, reader, changes, converter.blobs(reader, changes.written))
    return stream.commit(git, control, written), changes


def _refuse_unsound(git: Git, control: Place, made: Made, base: str) -> None:
    """Refuse a change of the files git reads for itself if no honest git would take it over the wire."""
    revisions = Input(f"{made.commit}\n^{base}\n".encode())
    packed = git.run("pack-objects", "--quiet", "--revs", "--stdout", at=control, given=revisions)
    taken = git.run("index-pack", "--strict", "--stdin", at=control, given=Input(packed.stdout.data))
    if not taken.ok:
        said = taken.stderr.output().text
        raise Refused(
            "special_file", "git does not accept what is in a `.gitattributes` or `.gitmodules` file: remove or mend it.", evidence=said
        )


def snapshot(git: Git, control: Place, made: Made, base: str) -> Snapshot:
    """The commit with what it changes: paths, sizes, and how large the patch is."""
    captured = _difference(git, control, base, made.commit, "--raw")
    raw, _, patch = captured.stdout.data.partition(b"\0\0")
    fields = raw.split(b"\0")
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    sizes = _sizes(git, control, [what.split(b" ")[3] for what, _ in pairs])
    changes = tuple(_change(what, path, size) for (what, path), size in zip(pairs, sizes, strict=True))
    size = len(patch) if captured.ended is Ended.EXIT else captured.stdout.size
    return Snapshot(made.commit, made.tree, base, changes, size)


def patch(git: Git, control: Place, snapshot: Snapshot, most: int) -> str:
    """The unified diff from base to snapshot, cut at `most` characters."""
    captured = _difference(git, control, snapshot.base, snapshot.commit)
    return captured.stdout.spool.read(0, most * 4).decode(errors="replace")[:most]


def _difference(git: Git, control: Place, base: str, commit: str, *words: str) -> Captured:
    plain = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "--full-index", "--patch")
    captured = git.run("diff-tree", "-r", "-z", *words, *plain, base, commit, "--", at=control, output_bytes=MOST_PATCH)
    if not captured.ok and captured.ended is not Ended.OUTPUT:
        raise Fault("checkout_failed", "The difference between base and change cannot be told.", evidence=captured.stderr.output().text)
    return captured


def _sizes(git: Git, control: Place, blobs: list[bytes]) -> list[int]:
    """The sizes of objects; 0 for what is no file."""
    asked = Input(b"".join(blob + b"\n" for blob in blobs))
    lines = git.ask("cat-file", "--batch-check=%(objecttype) %(objectsize)", at=control, given=asked).splitlines()
    return [int(line.split()[1]) if line.startswith("blob ") else 0 for line in lines]


def _change(what: bytes, path: bytes, size: int) -> Change:
    """One change from a line like `:100644 100755 <sha> <sha> M`."""
    old, new, _, _, letter = what.removeprefix(b":").split(b" ")
    kind = KINDS.get(letter[:1], "modified")
    mode = (old if kind == "deleted" else new).decode()
    return Change(path.decode(errors="replace"), kind, mode, size)
