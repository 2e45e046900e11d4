"""In a checkout of somebody else's head, what agents take for their own configuration is the default branch's; some is never shown.

Over a layer it is one more layer, with a mark (a whiteout) for each file of the head's that is not to be seen; in a plain copy the files
are put in their place. Either way they count as what the agent got, so that leaving them alone changes nothing.
"""

import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Input, Place, sha_of
from infra.workspaces.listing import LINE, lines
from infra.workspaces.removal import remove
from jobs.agent_files import WITHHELD, is_agents

LAYER = "agent-files"
HIDDEN = "agent-files.json"
LINK = b"120000"
NEVER = tuple(map(os.fsencode, WITHHELD))


@dataclass(frozen=True, slots=True)
class AgentFiles:
    """The paths of the head's that give way, and the default branch's that come instead as lines for an index."""

    hidden: frozenset[bytes]
    trusted: tuple[bytes, ...]

    @property
    def shown(self) -> frozenset[bytes]:
        """The paths that come instead."""
        return frozenset(line.partition(b"\t")[2] for line in self.trusted)


def withheld(tree: Path) -> AgentFiles | None:
    """What gives way in any tree, because programs would run what is in it; None where there is nothing of the kind."""
    found = frozenset(name for name in NEVER if (tree / os.fsdecode(name)).exists())
    return AgentFiles(found, ()) if found else None


def chosen(git: Git, control: Path, index: Path, trusted: str) -> AgentFiles:
    """What gives way in the tree of `index`, and what of the commit `trusted` comes instead."""
    head = [(mode, path) for mode, _, path in LINE.findall(lines(git, control, index))]
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", sha_of(trusted), at=Place(control)).stdout.data
    rows = [line.partition(b"\t") for line in listed.split(b"\0") if line]
    come = tuple(what[:7] + what.split(b" ")[2] + b"\t" + path for what, _, path in rows if what[:6] != b"160000" and _agents(path))
    paths = {line.partition(b"\t")[2] for line in come}
    above = {parent for path in paths for parent in _above(path)}
    come = tuple(line for line in come if line.partition(b"\t")[2] not in NEVER)
    hidden = {path for mode, path in head if _agents(path) or path in above or (mode == LINK and _leads(path))}
    return AgentFiles(frozenset(hidden), come)


def laid(git: Git, control: Path, path: Path, files: AgentFiles) -> Path:
    """The layer of a checkout at `path`, to lie over its template."""
    layer = path / LAYER
    layer.mkdir(mode=0o755)
    covering = {above for shown in files.shown for above in _above(shown)} | files.shown
    for hidden in sorted(files.hidden):
        if hidden not in covering and not any(above in files.shown for above in _above(hidden)):
            mark = layer / os.fsdecode(hidden)
            mark.parent.mkdir(parents=True, exist_ok=True)
            os.mknod(mark, stat.S_IFCHR, os.makedev(0, 0))
    _write(git, control, layer, files)
    return layer


def put(git: Git, control: Path, path: Path, tree: Path, files: AgentFiles) -> None:
    """Put them into a plain copy, and note beside it what gave way."""
    for hidden in sorted(files.hidden):
        remove(tree / os.fsdecode(hidden))
    _write(git, control, tree, files)
    (path / HIDDEN).write_text(json.dumps([os.fsdecode(name) for name in files.hidden - files.shown]))


def gave_way(path: Path) -> frozenset[bytes]:
    """What gave way in the plain copy at `path`, with nothing in its place."""
    file = path / HIDDEN
    return frozenset(map(os.fsencode, json.loads(file.read_text()))) if file.exists() else frozenset()


def unseen(git: Git, control: Path, git_dir: Path, files: AgentFiles) -> None:
    """Let the agent's own git show no difference; `git_dir` is ours until the agent has been in it."""
    at = Place(control, git_dir / "index", git_dir.parent)
    git.ask("update-index", "-z", "--skip-worktree", "--stdin", at=at, given=Input(b"".join(path + b"\0" for path in files.hidden)))
    new = sorted(files.shown - files.hidden)
    (git_dir / "info" / "exclude").write_bytes(b"".join(b"/" + _literal(path) + b"\n" for path in new))


def _write(git: Git, control: Path, tree: Path, files: AgentFiles) -> None:
    """By git, which goes through no link on its way."""
    if not files.trusted:
        return
    index = tree.with_name(f"{LAYER}.index")
    at = Place(control, index, tree)
    git.ask("update-index", "-z", "--index-info", at=at, given=Input(b"".join(line + b"\0" for line in files.trusted)))
    git.ask("checkout-index", "--all", "--force", "--quiet", at=at)
    index.unlink()


def _agents(path: bytes) -> bool:
    return is_agents(path.decode(errors="replace"))


def _leads(path: bytes) -> bool:
    """Whether a link could bring such files in under its own name: where the whole of a well-known directory is meant."""
    return path.decode(errors="replace").casefold() == ".github"


def _above(path: bytes) -> Iterable[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _literal(path: bytes) -> bytes:
    return b"".join(b"\\" + bytes([char]) if char in b"*?[]\\ !#" else bytes([char]) for char in path)
