"""A checkout is fresh, of the right commit, and stands apart from everything we rely on."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from infra.leftovers import Unusable, read_left
from infra.sandbox import CHECKOUT, Confinement, Overlay
from jobs.errors import Fault, Refused
from jobs.evidence import Ended
from jobs.model import ItemKind
from jobs.model import Source as Origin
from tests.infra.workspaces.world import BOUNDS, World, git, kinds


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".git/" not in str(path))


def test_the_agent_finds_a_clean_work_tree_with_history(world: World) -> None:
    """Proves: 000-14, F65."""
    run = world.prepared(world.run())
    script = "pwd; git status --porcelain; git log --format=%s; git rev-parse HEAD; cat README.md; git diff HEAD --stat"
    told = world.agent(run, script).stdout.text.splitlines()
    assert told[1:] == ["change", world.first, "hello"]
    assert run.base_sha == world.first
    if world.sandbox.confines:
        assert told[0] == CHECKOUT


def test_an_attempt_keeps_its_checkout_and_the_next_gets_a_fresh_one(world: World) -> None:
    """Proves: 000-14, F65."""
    run = world.prepared(world.run())
    world.agent(run, "echo left > behind")
    assert world.agent(run, "cat behind").stdout.text == "left\n"
    assert world.agent(replace(run, attempt=2), "ls").stdout.text == "README.md\nsrc\n"


def test_each_run_works_from_the_tip_of_its_branch_as_it_is_now(world: World) -> None:
    first = world.prepared(world.run("first"))
    second_base = world.upstream.commit({"later.txt": "later\n", "README.md": None})
    second = world.prepared(world.run("second"))
    assert (first.base_sha, second.base_sha) == (world.first, second_base)
    assert world.agent(second, "ls").stdout.text == "later.txt\nsrc\n"
    assert world.agent(first, "ls").stdout.text == "README.md\nsrc\n"


def test_a_branch_of_its_own_can_be_asked_for(world: World) -> None:
    git(world.upstream.path, "branch", "feature/ünï")
    assert world.prepared(world.run(base="feature/ünï")).base_sha == world.first


@pytest.mark.parametrize("base", ["nowhere", "--upload-pack=touch x", "a..b", "x.lock"])
def test_a_branch_that_cannot_be_is_refused(world: World, base: str) -> None:
    """Proves: F61."""
    with pytest.raises(Refused) as raised:
        world.workspaces.base_of(world.run(base=base))
    assert raised.value.reason.code in ("base_missing", "push_refused")


def test_nobody_else_on_this_machine_gets_at_anything_of_it(world: World) -> None:
    """Proves: T24, T29. Else a program that an agent left with the set-user-id bit would run with our rights for whoever calls it."""
    (world.data / "work").mkdir(mode=0o755, parents=True)
    run = world.prepared(world.run())
    world.agent(run, "cp /bin/true mine; chmod 6755 mine")
    places = [place for place in world.data.iterdir() if place.is_dir()]
    assert {place.name for place in places} == {"work", "git", "mirrors", "control", "templates", "setup"}
    assert {place.stat().st_mode & 0o777 for place in places} == {0o700}
    made = next(world.data.glob(f"work/{run.id}/1/*/mine"))
    assert made.is_relative_to(world.data / "work")


def test_a_repository_that_is_gone_is_told(world: World) -> None:
    world.sources.url = str(world.root / "gone")
    with pytest.raises(Refused) as raised:
        world.workspaces.prepare(world.run())
    assert raised.value.reason.code == "repository_unreachable"


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% x", "ssh://host/x", "http://example.org/x", "https://user@example.org/x", "../x", "file:///x"]
)
def test_only_https_and_absolute_paths_are_reached(world: World, url: str) -> None:
    """Proves: F66, T17."""
    world.sources.url = url
    with pytest.raises(Refused) as raised:
        world.workspaces.base_of(world.run())
    assert raised.value.reason.code == "repository_unreachable"


def test_the_head_of_a_pull_request_is_fetched_by_its_sha(world: World) -> None:
    """Proves: F65, T07."""
    git(world.upstream.path, "checkout", "-q", "-b", "theirs")
    head = world.upstream.commit({"theirs.txt": "x\n"})
    newer = world.upstream.commit({"newer.txt": "x\n"})
    git(world.upstream.path, "update-ref", "refs/pull/3/head", newer)
    git(world.upstream.path, "checkout", "-q", "main")
    git(world.upstream.path, "branch", "-q", "-D", "theirs")
    origin = Origin("command", item=ItemKind.PULL, number=3)
    run = world.prepared(world.run(head_sha=head, source=origin))
    assert run.base_sha == head
    assert world.agent(run, "ls").stdout.text == "README.md\nsrc\ntheirs.txt\n"


def test_a_commit_nobody_has_any_more_is_told(world: World) -> None:
    with pytest.raises(Refused) as raised:
        world.workspaces.base_of(world.run(head_sha="12" * 20))
    assert raised.value.reason.code == "base_missing"


def test_a_checkout_of_other_work_is_never_taken_over(world: World) -> None:
    """Proves: 000-14, F65, I21."""
    run = world.prepared(world.run())
    other = replace(run, request=replace(run.request, repository=replace(run.repository, id=8)))
    with pytest.raises(Fault, match="other work"):
        world.workspaces.prepare(other)
    with pytest.raises(Fault, match="other work"):
        world.workspaces.prepare(replace(run, base_sha="12" * 20))


def test_what_a_crash_left_half_made_is_made_anew(world: World) -> None:
    """Proves: F65, F26."""
    run = world.prepared(world.run())
    place = world.data / "work" / run.id / "1"
    (place / "checkout.json").unlink()
    (place / "junk").mkdir()
    again = world.workspaces.prepare(run)
    assert not (place / "junk").exists()
    assert again.base == world.first


def test_a_local_number_and_a_number_of_github_are_two_repositories(world: World) -> None:
    """Proves: I21."""
    run = world.prepared(world.run())
    hub = replace(run, id="other", request=replace(run.request, repository=replace(run.repository, installation=9)))
    world.workspaces.prepare(hub)
    assert {path.name for path in (world.data / "mirrors").glob("*.git")} == {"local-7.git", "7.git"}


def test_nothing_an_agent_does_reaches_template_mirror_or_control(layered: World) -> None:
    """Proves: F55, T17, I13."""
    run = layered.prepared(layered.run())
    template = next(layered.data.glob("templates/*/*/tree"))
    before = (files(template), [path.read_text() for path in template.rglob("*") if path.is_file()])
    script = (
        "find / -xdev -writable -type f -not -path '/proc/*' -exec sh -c 'echo owned > \"$1\"' sh {} \\; 2> /dev/null || true\n"
        "git update-ref -d refs/heads/work || true; git gc -q --prune=now || true; rm -rf /run/slipway/objects/* 2> /dev/null || true\n"
    )
    layered.agent(run, script)
    assert (files(template), [path.read_text() for path in template.rglob("*") if path.is_file()]) == before
    git(layered.data / "mirrors" / "local-7.git", "fsck", "--strict")
    git(layered.data / "control" / "local-7.git", "fsck")


def test_a_template_in_use_is_replaced_and_an_idle_one_moved_on(layered: World) -> None:
    first = layered.prepared(layered.run("first"))
    templates = layered.data / "templates" / "local-7"
    inode = (templates / layered.first / "tree").stat().st_ino
    second_base = layered.upstream.commit({"second.txt": "2\n"})
    layered.prepared(layered.run("second"))
    assert {path.name for path in templates.glob("[0-9a-f]*")} == {layered.first, second_base}
    layered.workspaces.dispose(first)
    third_base = layered.upstream.commit({"third.txt": "3\n", "README.md": "changed\n", "src/app.py": None})
    third = layered.prepared(layered.run("third"))
    assert {path.name for path in templates.glob("[0-9a-f]*")} == {second_base, third_base}
    assert (templates / third_base / "tree").stat().st_ino == inode
    assert layered.agent(third, "git status --porcelain; cat README.md; find . -name '*.py'").stdout.text == "changed\n"


def test_a_change_of_attributes_writes_the_template_anew(layered: World) -> None:
    first = layered.prepared(layered.run("first"))
    layered.workspaces.dispose(first)
    layered.upstream.commit({".gitattributes": "README.md text eol=crlf\n"})
    second = layered.prepared(layered.run("second"))
    assert layered.agent(second, "od -c README.md | grep -c '\\\\r'; git status --porcelain").stdout.text == "1\n"


def test_gates_see_the_commit_and_leave_nothing_in_it(world: World) -> None:
    """Proves: F63, F64, I24."""
    run = world.prepared(world.run())
    snapshot = world.changed("echo new > new.txt; echo junk > ignored.log; echo '*.log' > .gitignore", run)
    for _ in range(2):
        with world.workspaces.tree_at(run, snapshot.commit) as view:
            script = "cat new.txt; ls; echo '<x/>' > report.xml; rm README.md; ln -s /etc/passwd stolen; mkdir -p d; ln -s / d/root"
            captured = world.sandbox.run(Confinement(("bash", "-ec", script), view.mounts), BOUNDS)
            assert captured.ended is Ended.EXIT
            assert captured.stdout.text == "new\nREADME.md\nnew.txt\nsrc\n"
            assert read_left(view.written, "report.xml", 100) == b"<x/>\n"
            assert [read_left(view.written, path, 100) for path in ("nothing", "d/root/etc/passwd")] == [None] * 2
            for path in ("stolen", "d"):
                with pytest.raises(Unusable):
                    read_left(view.written, path, 100)
    assert world.workspaces.harvest(replace(run, snapshot=snapshot), world.workspaces.prepare(run)) is None


def test_a_branch_that_stands_where_it_was_fetched_last_is_not_fetched_again(world: World) -> None:
    world.sources.stands = world.first
    assert world.workspaces.base_of(world.run()) == world.first
    assert world.sources.asked == 1
    assert world.workspaces.base_of(world.run("cd34ab12")) == world.first
    assert world.prepared(world.run("cd34ab12")).base_sha == world.first
    assert world.sources.asked == 1
    world.sources.stands = second = world.upstream.commit({"README.md": "newer\n"})
    assert world.workspaces.base_of(world.run("ef56ab12")) == second
    assert world.sources.asked == 2


def test_a_commit_that_is_here_by_half_is_fetched(world: World) -> None:
    """A fetch that was killed may leave a commit without its files: only what a branch of ours stands at is whole."""
    world.sources.stands = world.first
    world.workspaces.base_of(world.run())
    world.sources.stands = second = world.upstream.commit({"README.md": "newer\n"})
    (mirror,) = (world.data / "mirrors").glob("*.git")
    shutil.copy(object_file(world.upstream.path / ".git", second), made(object_file(mirror, second)))
    assert world.prepared(world.run("cd34ab12")).base_sha == second
    assert git(mirror, "cat-file", "blob", f"{second}:README.md") == "newer\n"


def object_file(git_dir: Path, sha: str) -> Path:
    return git_dir / "objects" / sha[:2] / sha[2:]


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_files_of_the_base_can_be_read(world: World) -> None:
    world.upstream.commit({"two": "line\nline 7\n\n", "empty": "", "blob 3": "xyz\n"})
    run = world.prepared(world.run())
    world.upstream.commit({"README.md": "newer\n"})
    there = {"README.md": "hello\n", "two": "line\nline 7\n\n", "empty": "", "blob 3": "xyz\n"}
    assert world.workspaces.texts(run, ["nowhere", "two", "src", "empty", "-x", "README.md", "blob 3", "blob 4"]) == there
    assert world.workspaces.texts(run, ["README.md", "../x"]) == {"README.md": "hello\n"}
    assert world.workspaces.texts(run, ["nowhere"]) == {}


def test_a_patch_is_cut_where_it_is_too_long(world: World) -> None:
    run = world.prepared(world.run())
    snapshot = world.changed("for i in $(seq 20000); do echo line $i; done > long.txt", run)
    small = replace(run, rules=run.rules.model_copy(update={"limits": run.rules.limits.model_copy(update={"patch_bytes": 50})}))
    assert len(world.workspaces.patch(small, snapshot)) == 100
    assert snapshot.patch_bytes > 200_000


def test_disposing_leaves_nothing_of_the_run_and_everything_of_others(world: World) -> None:
    """Proves: I12, F67."""
    run, other = world.prepared(world.run("one")), world.prepared(world.run("one-more"))
    world.agent(run, "mkdir -p a/b; touch a/b/c; chmod 000 a/b; chmod 555 a; ln -s / root")
    for _ in range(2):
        world.workspaces.dispose(run)
    assert world.workspaces.leftovers() == ("one-more",)
    assert list(world.data.glob("**/refs/pins/*")) == [world.data / "mirrors/local-7.git/refs/pins/one-more"]
    assert {path.name for path in world.data.glob("templates/*/*/users/*")} == {"one-more.1"}
    assert world.agent(other, "cat README.md").stdout.text == "hello\n"


def test_removal_follows_no_link_and_knows_no_depth(world: World) -> None:
    """Proves: F67, F52."""
    run = world.prepared(world.run())
    (world.root / "precious").mkdir()
    (world.root / "precious" / "file").touch()
    place = world.data / "work" / run.id / "1" / "deep"
    place.mkdir()
    (place / "link").symlink_to(world.root / "precious")
    directory = os.open(place, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 50, dir_fd=directory)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    world.workspaces.dispose(run)
    assert world.workspaces.leftovers() == ()
    assert (world.root / "precious" / "file").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 65])
def test_a_run_id_is_never_a_path(world: World, name: str) -> None:
    """Proves: T29, I21."""
    with pytest.raises(ValueError, match="cannot be the name"):
        world.workspaces.discard(name)


def test_it_is_an_overlay_only_where_there_are_overlays(layered: World) -> None:
    run = layered.prepared(layered.run())
    mount, _ = layered.workspaces.mounts(run, layered.workspaces.prepare(run))
    assert isinstance(mount, Overlay)
    assert kinds(layered.changed("echo x > x", run)) == {"x": "added"}
