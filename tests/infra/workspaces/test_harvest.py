"""What an agent leaves becomes a commit of ours, whole and nothing else."""

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.sandbox import Unconfined
from infra.signing import signer
from tests.infra.test_signing import allowed, commit_verified, private
from tests.infra.workspaces.world import World, kinds
from tests.needs import second_judge


def test_added_changed_and_removed_files_become_one_commit_on_the_base(world: World) -> None:
    """Proves: F58, I08, I24."""
    run = world.prepared(world.run())
    snapshot = world.changed("echo new > src/new.py; echo more >> README.md; rm src/deep/x.txt; chmod +x src/app.py", run)
    assert kinds(snapshot) == {"README.md": "modified", "src/app.py": "modified", "src/deep/x.txt": "deleted", "src/new.py": "added"}
    assert (snapshot.base, world.control("rev-parse", f"{snapshot.commit}^")) == (world.first, f"{world.first}\n")
    assert world.control("rev-parse", f"{snapshot.commit}^{{tree}}").strip() == snapshot.tree
    assert world.show(snapshot, "README.md") == "hello\nmore\n"
    assert next(change.mode for change in snapshot.changes if change.path == "src/app.py") == "100755"
    sizes = {change.path: change.size for change in snapshot.changes}
    assert sizes == {"README.md": 11, "src/app.py": 13, "src/deep/x.txt": 0, "src/new.py": 4}
    patch = world.workspaces.patch(replace(run, snapshot=snapshot), snapshot)
    assert "+more" in patch
    assert len(patch.encode()) == snapshot.patch_bytes


def test_the_commit_says_who_asked_and_which_run_made_it(world: World) -> None:
    snapshot = world.changed("echo new > new.py")
    message = world.control("log", "-1", "--format=%an|%B", snapshot.commit)
    assert message.startswith("slipway|Greet\n")
    assert "Slipway-Run: ab12cd34" in message
    assert "Co-authored-by: Mona <5+octocat@users.noreply.github.com>" in message


def test_nothing_changed_is_nothing(world: World) -> None:
    """Proves: F54."""
    run = world.prepared(world.run())
    world.agent(run, "touch README.md; mkdir empty; echo hello > same && mv same README.md")
    assert world.harvest(run) is None


def test_the_next_iteration_builds_on_the_same_files_and_is_still_one_commit_on_the_base(world: World) -> None:
    run = world.prepared(world.run())
    first = world.changed("echo one > one.txt", run)
    run = replace(run, snapshot=first, iteration=2)
    assert world.harvest(run) is None
    second = world.changed("echo two > two.txt", run)
    assert kinds(second) == {"one.txt": "added", "two.txt": "added"}
    assert second.base == first.base == world.first


def test_a_later_attempt_begins_with_the_last_snapshot(world: World) -> None:
    run = world.prepared(world.run())
    first = world.changed("echo one > one.txt; rm README.md", run)
    run = replace(run, snapshot=first, attempt=2)
    told = world.agent(run, "cat one.txt; ls; git status --short; git log --oneline | wc -l").stdout.text
    assert told.split("\n") == ["one", "one.txt", "src", "2", ""]
    second = world.changed("echo two > two.txt", run)
    assert kinds(second) == {"one.txt": "added", "two.txt": "added", "README.md": "deleted"}


def test_directories_and_files_may_take_each_others_places(world: World) -> None:
    script = "rm -r src; echo file > src; rm README.md; mkdir README.md; echo inside > README.md/a"
    assert kinds(world.changed(script)) == {
        "README.md": "deleted",
        "README.md/a": "added",
        "src": "added",
        "src/app.py": "deleted",
        "src/deep/x.txt": "deleted",
    }


def test_a_directory_made_anew_hides_what_was_in_it(world: World) -> None:
    script = "rm -r src; mkdir -p src/deep; echo other > src/deep/y.txt; echo again > src/app.py"
    assert kinds(world.changed(script)) == {"src/app.py": "modified", "src/deep/x.txt": "deleted", "src/deep/y.txt": "added"}


def test_a_renamed_directory_is_found_whole(world: World) -> None:
    assert kinds(world.changed("mv src source")) == {
        "source/app.py": "added",
        "source/deep/x.txt": "added",
        "src/app.py": "deleted",
        "src/deep/x.txt": "deleted",
    }


def test_ignored_files_stay_out_but_tracked_ones_are_never_ignored(world: World) -> None:
    world.upstream.commit({".gitignore": "build/\n*.log\n!keep.log\n/src/deep/\n", "sub/.gitignore": "local\n", "noise.log": "tracked\n"})
    script = (
        "mkdir -p build/deep sub/dir; echo x > build/deep/x; echo x > a.log; echo x > sub/b.log; echo x > keep.log; \n"
        "echo x > sub/local; echo x > sub/dir/new; echo changed > noise.log; echo changed > src/deep/x.txt; \n"
        "echo new > src/deep/new; echo '*.tmp' >> .gitignore; echo x > c.tmp\n"
    )
    assert kinds(world.changed(script)) == {
        ".gitignore": "modified",
        "keep.log": "added",
        "noise.log": "modified",
        "src/deep/x.txt": "modified",
        "sub/dir/new": "added",
    }


def test_a_repository_inside_an_ignored_directory_does_not_matter(world: World) -> None:
    world.upstream.commit({".gitignore": "node_modules/\n"})
    script = "mkdir -p node_modules/lib/.git; echo x > node_modules/lib/.git/config; mkfifo node_modules/pipe; ln -s / node_modules/root\n"
    script += "echo y > new"
    assert kinds(world.changed(script)) == {"new": "added"}


def test_line_ends_are_converted_as_git_would(world: World) -> None:
    world.upstream.commit({".gitattributes": "*.txt text\n*.bat text eol=crlf\n*.bin -text\n", "run.bat": "one\r\n"})
    run = world.prepared(world.run())
    script = r"cat run.bat | od -c | head -1; printf 'one\r\ntwo\r\n' > run.bat; printf 'a\r\n' > new.txt; printf 'b\r\n' > new.bin"
    assert r"\r" in world.agent(run, script).stdout.text
    snapshot = world.harvest(run)
    assert snapshot is not None
    assert world.control("cat-file", "-s", f"{snapshot.commit}:run.bat").strip() == str(len("one\ntwo\n"))
    assert world.control("cat-file", "-s", f"{snapshot.commit}:new.txt").strip() == "2"
    assert world.control("cat-file", "-s", f"{snapshot.commit}:new.bin").strip() == "3"


def test_links_that_stay_inside_are_committed_as_links(world: World) -> None:
    snapshot = world.changed("ln -s ../README.md src/link; ln -s src dirlink; ln -s missing dangling")
    assert {change.path: change.mode for change in snapshot.changes} == dict.fromkeys(["dangling", "dirlink", "src/link"], "120000")
    assert world.show(snapshot, "src/link") == "../README.md"


def test_files_without_any_mode_are_read_all_the_same(world: World) -> None:
    script = "mkdir closed; echo x > closed/file; echo y > alone; chmod 000 closed/file alone closed"
    assert kinds(world.changed(script)) == {"alone": "added", "closed/file": "added"}


def test_whatever_the_agent_does_to_its_git_does_not_matter(world: World) -> None:
    """Proves: F55, F58, I13."""
    script = (
        "git status --short; git checkout -q -b other; echo x > x; git add x; git commit -qm mine; git reset -q --hard HEAD~1\n"
        "touch .git/index.lock; git config core.fsmonitor 'touch /tmp/sentinel'; echo '* filter=evil' > .git/info/attributes; \n"
        "echo '*' > .git/info/exclude; git config filter.evil.clean 'touch /tmp/sentinel; cat'; echo new > new; rm .git/HEAD\n"
    )
    assert kinds(world.changed(script)) == {"new": "added"}


def test_a_removed_git_directory_does_not_matter(world: World) -> None:
    """Proves: F58."""
    assert kinds(world.changed("rm -rf .git; echo 'gitdir: /etc' > .git; echo new > new")) == {"new": "added"}


def test_a_service_with_a_key_signs_its_commits(tmp_path: Path) -> None:
    """Proves: F83, I08."""
    made = signer(private(Ed25519PrivateKey.generate()))
    world = World(tmp_path, Unconfined(), signer=made)
    run = world.prepared(world.run())
    snapshot = world.changed("echo new > new.py", run)
    commit_verified(world.control("cat-file", "commit", snapshot.commit).encode(), made.public)
    assert world.control("log", "-1", "--format=%an|%s|%P", snapshot.commit) == f"slipway|Greet|{world.first}\n"
    assert world.control("rev-parse", f"{snapshot.commit}^{{tree}}").strip() == snapshot.tree
    assert world.control("fsck", "--strict", "--no-dangling") == ""
    assert snapshot.commit in world.control("for-each-ref", "--format=%(objectname)", "refs/pins")
    world.agent(run, "echo more >> new.py")
    again = world.harvest(replace(run, snapshot=snapshot))
    assert again
    commit_verified(world.control("cat-file", "commit", again.commit).encode(), made.public)
    assert world.control("rev-parse", f"{again.commit}^").strip() == world.first


def test_git_verifies_a_signed_commit(tmp_path: Path) -> None:
    """Proves: F83."""
    second_judge("ssh-keygen")
    made = signer(private(Ed25519PrivateKey.generate()))
    world = World(tmp_path, Unconfined(), signer=made)
    snapshot = world.changed("echo new > new.py")
    words = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed(tmp_path, made)}")
    world.control(*words, "verify-commit", snapshot.commit)
