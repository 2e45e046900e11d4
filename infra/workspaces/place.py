"""A directory with a checkout in it: layers over a template, or where there are no overlays a plain copy."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Place
from infra.sandbox import CHECKOUT, Bind, Mount, Overlay
from infra.workspaces import agent_files, before
from infra.workspaces.agent_files import AgentFiles
from infra.workspaces.harvest import Grounds
from infra.workspaces.listing import listing
from infra.workspaces.template import Template

OBJECTS = "/run/slipway/objects"
"""Where the mirror's objects are seen inside."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a checkout stands on: the commit's template, perhaps a layer of setup commands, the mirror's objects, all read-only.

    `agent_files` is the layer with the default branch's configuration of agents, where the commit is somebody else's.
    """

    template: Template
    setup: Path | None
    objects: Path
    overlay: bool
    agent_files: Path | None = None


def files(path: Path, *, overlay: bool) -> Path:
    """The directory below `path` that is written to."""
    return path / ("upper" if overlay else "tree")


def fill(git: Git, control: Path, path: Path, ground: Ground, files: AgentFiles | None = None) -> None:
    """Make the directories of a checkout at `path`; of a plain one every file is noted down, `files` in the place of the commit's."""
    for name in ("upper", "work") if ground.overlay else ("tree",):
        (path / name).mkdir(parents=True, mode=0o755)
    if ground.overlay:
        return
    if ground.setup is not None:
        _copy(ground.setup, path / "tree")
    git.ask("read-tree", "--reset", "-u", ground.template.commit, at=Place(control, path / "index", path / "tree"))
    if files is not None:
        agent_files.put(git, control, path, path / "tree", files)
    before.note(path / "tree", path / "notes.json")


def mounts(path: Path, ground: Ground) -> tuple[Mount, ...]:
    """How the checkout at `path` is seen inside a sandbox."""
    tree: Mount = Bind(path / "tree", CHECKOUT, writable=True)
    if ground.overlay:
        lowers = tuple(layer for layer in (ground.setup, ground.template.tree, ground.agent_files) if layer is not None)
        tree = Overlay(lowers, CHECKOUT, path / "upper", path / "work")
    return (tree, Bind(ground.objects, OBJECTS))


def grounds(git: Git, control: Path, path: Path, ground: Ground) -> Grounds:
    """What a harvest of the checkout at `path` compares with."""
    index = ground.template.index if ground.overlay else path / "index"
    listed = listing(git, control, index)
    written, scratch = files(path, overlay=ground.overlay), path / "stage"
    if ground.overlay:
        return Grounds(written, index, listed, scratch, template=ground.template.tree)
    return Grounds(written, index, listed, scratch, notes=path / "notes.json")


def _copy(layer: Path, tree: Path) -> None:
    """Put a layer into a plain tree: links as links, and nothing but files, links and directories."""
    shutil.copytree(layer, tree, symlinks=True, dirs_exist_ok=True, ignore=_special)


def _special(directory: str, names: list[str]) -> list[str]:
    paths = (Path(directory, name) for name in names)
    return [path.name for path in paths if not (path.is_symlink() or path.is_file() or path.is_dir())]
