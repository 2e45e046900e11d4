"""Repositories that are hostile before any agent has seen them: what is fetched, checked out and set up of them."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from infra.leftovers import read_left
from jobs.errors import Fault, Refused
from jobs.rules import Rules, SetupRule
from tests.infra.workspaces.world import World, git, kinds
from tests.needs import working_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, working_sandbox(tmp_path / "scratch"))


def planted(world: World, lines: str) -> str:
    """A commit from lines for an index, whatever honest tools would say to them."""
    at = world.upstream.path
    git(at, "update-index", "-z", "--index-info", data=lines.encode())
    git(at, "commit", "-q", "-m", "planted")
    return git(at, "rev-parse", "HEAD").strip()


def blob(world: World, text: str) -> str:
    return git(world.upstream.path, "hash-object", "-w", "--stdin", data=text.encode()).strip()


def test_a_submodule_is_an_empty_directory_that_cannot_be_filled(world: World) -> None:
    """Proves: F56, F66, T18."""
    modules = blob(world, '[submodule "x"]\n\tpath = sub\n\turl = /etc\n')
    planted(world, f"160000 {world.first} 0\tsub\0" + f"100644 {modules} 0\t.gitmodules\0")
    run = world.prepared(world.run())
    assert world.agent(run, "ls -A sub; git status --porcelain").stdout.text == ""
    with pytest.raises(Refused) as raised:
        world.changed("echo x > sub/x; echo new > new", run)
    assert raised.value.reason.code == "nested_repository"
    assert kinds(world.changed("rm sub/x", run)) == {"new": "added"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc", ".git/config", "/proc/self/environ"])
def test_links_of_the_repository_itself_are_never_followed_by_us(world: World, target: str) -> None:
    """Proves: F57, I13."""
    planted(world, f"120000 {blob(world, target)} 0\tlink\0")
    run = world.prepared(world.run())
    assert world.workspaces.texts(run, ["link"]) == {"link": target}
    assert kinds(world.changed("echo new > new; cat link > /dev/null || true", run)) == {"new": "added"}
    snapshot = world.harvest(run)
    assert snapshot is not None
    with world.workspaces.tree_at(run, snapshot.commit) as view:
        assert read_left(view.written, "link/x", 100) is None


def test_a_link_that_is_already_there_may_stay_but_not_be_written_through(world: World) -> None:
    """Proves: F57."""
    planted(world, f"120000 {blob(world, '/tmp')} 0\tout\0")
    run = world.prepared(world.run())
    assert kinds(world.changed("echo x > out/written; echo new > new", run)) == {"new": "added"}
    assert not Path("/tmp/written").exists()


@pytest.mark.parametrize(
    "attributes", ["* filter=evil", "* filter=lfs -text", "* ident", "* text=auto eol=crlf", "* export-subst diff=evil merge=evil"]
)
def test_attributes_of_the_repository_run_nothing(world: World, attributes: str) -> None:
    """Proves: F66, T17, I13."""
    world.upstream.commit({".gitattributes": f"{attributes}\n", "a.txt": "$Id$\n"})
    run = world.prepared(world.run())
    assert world.agent(run, "cat a.txt > /dev/null").ok
    if "filter" in attributes:
        with pytest.raises(Refused) as raised:
            world.changed("echo changed > a.txt", run)
        assert raised.value.reason.code == "lfs_changed"
    else:
        assert kinds(world.changed("echo changed > a.txt", run)) == {"a.txt": "modified"}


@pytest.mark.parametrize("name", [".git/config", ".GIT/config", "git~1/config", ".git /config", "a/../b", "/etc/x"])
def test_a_tree_with_a_path_git_must_not_write_is_never_checked_out(world: World, name: str) -> None:
    """Proves: T18, F66, E-G3."""
    at = world.upstream.path
    inner = git(at, "mktree", data=f"100644 blob {blob(world, 'x')}\tconfig\n".encode()).strip()
    first, *_ = name.split("/")
    entry = (
        f"040000 tree {inner}\t{first}\n" if first and first != "a" else f"100644 blob {blob(world, 'x')}\t{name.replace('/', chr(92))}\n"
    )
    tree = git(at, "mktree", data=entry.encode()).strip()
    git(at, "update-ref", "refs/heads/main", git(at, "commit-tree", "-m", "x", tree).strip())
    run = world.run()
    with contextlib.suppress(Fault):
        world.workspaces.prepare(run)
    written = (path for path in world.data.glob("templates/*/*/tree/**/*"))
    assert {path.name.lower() for path in written}.isdisjoint({".git", "git~1", ".git "})


def test_setup_commands_are_confined_like_any_other(world: World) -> None:
    """Proves: T26, F63."""
    script = "touch /usr/x; cat /etc/shadow; ln -s /etc etc; mkfifo pipe; (setsid sleep 86402 &); echo done > made; exit 0"
    rules = Rules(setup=SetupRule(run=(("bash", "-c", script),)))
    run = world.prepared(replace(world.run(), rules=rules))
    assert kinds(world.changed("cat made; echo new > new", run)) == {"new": "added"}
    assert not any(b"86402" in path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
