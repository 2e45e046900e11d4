"""The `.git` an agent finds in its checkout: whole enough to work with, worth nothing to us, never used by us."""

import shutil
from pathlib import Path

from infra.git import Git, Input, Place

CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
\tfilemode = true
\tlogallrefupdates = true
\tcheckStat = minimal
\ttrustctime = false
[user]
\tname = agent
\temail = agent@localhost
[gc]
\tauto = 0
[advice]
\tdetachedHead = false
"""
"""`checkStat`: the same files look different through layers; without it the first `git status` would read all of them."""
BRANCH = "refs/heads/work"


def write(git_dir: Path, commit: str, index: Path, objects: str) -> None:
    """Make the git directory, standing at `commit` on a branch of its own, with objects borrowed from `objects`."""
    for name in ("objects/info", "objects/pack", "refs/heads", "info"):
        (git_dir / name).mkdir(parents=True)
    (git_dir / "config").write_text(CONFIG)
    (git_dir / "objects/info/alternates").write_text(f"{objects}\n")
    (git_dir / BRANCH).write_text(f"{commit}\n")
    (git_dir / "HEAD").write_text(f"ref: {BRANCH}\n")
    shutil.copyfile(index, git_dir / "index")


def lend(git: Git, control: Place, git_dir: Path, commit: str, base: str) -> None:
    """Give it the objects from `base` to `commit`, which only our control directory has."""
    pack = git_dir / "objects" / "pack" / "pack"
    git.ask("pack-objects", "--quiet", "--revs", str(pack), at=control, given=Input(f"{commit}\n^{base}\n".encode()))
