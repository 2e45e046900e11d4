"""What the agent left becomes a commit of ours: made in our control directory, from copies, by plumbing."""

from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Input, Place
from infra.process import Captured
from infra.workspaces.before import Before, Under, noted
from infra.workspaces.reading import Reader
from infra.workspaces.staging import Staging
from infra.workspaces.template import Listing
from infra.workspaces.walk import Changes, Walk
from jobs.errors import Fault, Refused
from jobs.evidence import Change, Ended, Snapshot

KINDS = {b"A": "added", b"D": "deleted"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MOST_PATCH = 64 * 1000**2


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name the service commits."""

    name: str = "slipway"
    email: str = "slipway@users.noreply.github.com"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a harvest stands on: what the agent wrote (`files`), the commit's index and listing, and what lay below.

    `template` is the tree under the layer; None for a plain copy, whose entries are noted in `notes`.
    """

    files: Path
    index: Path
    listing: Listing
    scratch: Path
    template: Path | None = None
    notes: Path | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit to make: on `base`, with `message`, in the name of `author`."""

    base: str
    message: str
    author: Author
    at: float


def tree_of(git: Git, control: Place, grounds: Grounds) -> str:
    """The tree of what is in the checkout now. Raises Refused with a snapshot-class reason."""
    if not grounds.files.is_dir():
        raise Refused("checkout_lost", "The checkout of this attempt is not there any more; a new attempt begins with a fresh one.")
    with (
        Reader(grounds.files) as reader,
        _before(grounds) as below,
        Staging(git, grounds.scratch, control.git_dir, grounds.index) as staging,
    ):
        before: Before = Under(below) if grounds.notes is None else noted(grounds.notes, grounds.listing.tracked)
        changes = Walk(reader, before, staging, grounds.listing.submodules, layered=grounds.notes is None).run()
        staging.write(reader, changes)
        if _attributed(grounds.listing, changes):
            staging.refuse_stored_elsewhere(changes)
        tree = staging.tree(changes)
    if tree == EMPTY_TREE and not grounds.listing.empty:
        raise Refused("checkout_lost", "Every file of the checkout is gone, which is no change anybody asks for.")
    return tree


def _before(grounds: Grounds) -> Reader:
    return Reader(grounds.template or grounds.files)


def _attributed(listing: Listing, changes: Changes) -> bool:
    return listing.attributes or any(found.path.endswith(b".gitattributes") for found in changes.written)


def committed(git: Git, control: Place, tree: str, commit: Commit) -> str:
    """The id of the commit of `tree`."""
    date = f"@{int(commit.at)} +0000"
    env = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", commit.author.name), ("EMAIL", commit.author.email), ("DATE", date))
    }
    given = Input(commit.message.encode(errors="replace"), env=env)
    return git.ask("commit-tree", "-p", commit.base, "-F", "-", tree, at=control, given=given).strip()


def snapshot(git: Git, control: Place, commit: str, tree: str, base: str) -> Snapshot:
    """The commit with what it changes: paths, sizes, and how large the patch is."""
    captured = _difference(git, control, base, commit, "--raw")
    raw, _, patch = captured.stdout.data.partition(b"\0\0")
    fields = raw.split(b"\0")
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    sizes = _sizes(git, control, [what.split(b" ")[3] for what, _ in pairs])
    changes = tuple(_change(what, path, size) for (what, path), size in zip(pairs, sizes, strict=True))
    size = len(patch) if captured.ended is Ended.EXIT else captured.stdout.size
    deletes = any(change.kind == "deleted" for change in changes)
    files = git.ask("ls-tree", "-r", "-z", "--name-only", base, at=control).count("\0") if deletes else 0
    return Snapshot(commit, tree, base, changes, size, files)


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
