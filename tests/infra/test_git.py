"""Git, closed to everything but what is asked of it."""

import base64
import os
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.git import CLOSED, REF, Credential, Git, Input, Patience, Place, Source
from infra.git_remote import GitRemote
from infra.process import Captured
from infra.sandbox import Unconfined
from infra.workspaces.mirror import Mirror
from jobs.errors import Fault, Refused
from jobs.model import Repository
from tests.infra.smart_http import serving
from tests.infra.workspaces.world import Upstream, World, git

TOKEN = "ghs_CANARYtokenCANARYtokenCANARYtoken0000"


@pytest.fixture
def ours(tmp_path: Path) -> Git:
    return Git(tmp_path / "home")


def spying(tmp_path: Path) -> tuple[Git, Path]:
    """A git that writes down its arguments, then is git."""
    log = tmp_path / "argv.log"
    program = tmp_path / "spy"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec /usr/bin/git "$@"\n')
    program.chmod(0o755)
    return Git(tmp_path / "home", program=str(program)), log


def test_no_configuration_of_this_machine_is_read(tmp_path: Path, ours: Git) -> None:
    """Proves: T17, I13."""
    home = tmp_path / "evil"
    home.mkdir()
    (home / ".gitconfig").write_text("[alias]\n\tstatus = !touch /tmp/owned\n[user]\n\tname = evil\n")
    before = dict(os.environ)
    os.environ |= {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "GIT_DIR": str(home), "GIT_SSH_COMMAND": "touch x"}
    try:
        listed = ours.ask("config", "--list", "--show-scope", at=None)
    finally:
        os.environ.clear()
        os.environ |= before
    assert {line.split("\t")[0] for line in listed.splitlines()} == {"command"}
    assert len(listed.splitlines()) == len(CLOSED)


def test_a_remote_that_repeats_our_credential_puts_it_into_no_evidence(tmp_path: Path) -> None:
    """Proves: I11, F78."""
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\necho 'remote: no {TOKEN}'\necho 'fatal: Authorization: Basic {basic} ({TOKEN})' >&2\nexit 128\n")
    program.chmod(0o755)
    source = Source("https://github.example/acme/shop.git", Credential("x-access-token", TOKEN))
    captured = Git(tmp_path / "home", program=str(program)).run("ls-remote", at=None, source=source)
    said = captured.stdout.text + captured.stderr.text + str(captured.stdout.output()) + str(captured.stderr.output())
    assert TOKEN not in said
    assert basic not in said
    assert captured.stderr.text.startswith("fatal: ")
    assert captured.exit_code == 128


def test_nor_does_one_that_says_its_disk_is_full(tmp_path: Path) -> None:
    """Proves: I11, F78."""
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\necho 'remote: No space left on device for {TOKEN}' >&2\nexit 128\n")
    program.chmod(0o755)
    source = Source("https://github.example/acme/shop.git", Credential("x-access-token", TOKEN))
    with pytest.raises(Fault) as raised:
        Git(tmp_path / "home", program=str(program)).run("push", at=None, source=source)
    assert raised.value.reason.code == "disk_full"
    assert "No space left" in raised.value.evidence
    assert TOKEN not in raised.value.evidence


def test_a_folder_that_cannot_be_entered_is_not_taken_for_a_missing_git(tmp_path: Path, ours: Git) -> None:
    """Proves: 001-34."""
    with pytest.raises(Fault, match="gone cannot be entered"):
        ours.run("version", at=Place(tmp_path / "gone"))
    with pytest.raises(Fault, match="install git"):
        Git(tmp_path / "other", program="no-such-git").run("version", at=None)


def test_hooks_and_monitors_of_a_repository_do_not_run(tmp_path: Path, ours: Git) -> None:
    """Proves: T17, F55, I13."""
    upstream = Upstream(tmp_path / "repo")
    upstream.commit({"a": "1\n"})
    sentinel = tmp_path / "sentinel"
    git(upstream.path, "config", "core.fsmonitor", f"touch {sentinel}")
    git(upstream.path, "config", "core.hooksPath", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    for name in ("reference-transaction", "post-index-change", "pre-commit", "post-checkout"):
        (tmp_path / "hooks" / name).write_text(f"#!/bin/sh\ntouch {sentinel}\n")
        (tmp_path / "hooks" / name).chmod(0o755)
    at = Place(upstream.path / ".git", work_tree=upstream.path)
    ours.ask("status", at=at)
    ours.ask("update-ref", "refs/heads/other", "HEAD", at=at)
    assert not sentinel.exists()


def test_a_call_that_hangs_ends_with_its_whole_group(tmp_path: Path) -> None:
    """Proves: 002-18, F66."""
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\nsleep 300 & echo $! > {tmp_path}/child; wait\n")
    program.chmod(0o755)
    with pytest.raises(Fault, match="took too long"):
        Git(tmp_path / "home", program=str(program), patience=Patience(other_s=0.5)).ask("version", at=None)
    child = int((tmp_path / "child").read_text())
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] in "ZX"


def test_a_fetch_has_a_time_of_its_own(tmp_path: Path) -> None:
    """Proves: 002-18, F66."""
    program = tmp_path / "stuck"
    program.write_text('#!/bin/sh\ncase " $* " in *" fetch "*) sleep 300;; esac\nexec /usr/bin/git "$@"\n')
    program.chmod(0o755)
    stuck = Git(tmp_path / "home", program=str(program), patience=Patience(fetch_s=0.5))
    with pytest.raises(Fault) as fault:
        Mirror(stuck, tmp_path / "mirror.git").tip(Source(str(Upstream(tmp_path / "upstream").path)), "main")
    assert fault.value.reason.code == "fetch_failed"


def test_no_git_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="install git"):
        Git(tmp_path / "home", program="/nonexistent/git").probe()


def test_git_words_are_evidence(ours: Git, tmp_path: Path) -> None:
    with pytest.raises(Fault, match="rev-parse") as raised:
        ours.ask("rev-parse", "nothing", at=Place(tmp_path))
    assert "not a git repository" in raised.value.evidence


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/feature/ünï-1", "refs/slipway/ab12", "refs/heads/a.b_c+d@e"])
def test_plain_refs_are_accepted(ours: Git, ref: str) -> None:
    assert ours.checked_ref(ref) == ref


@settings(max_examples=200, deadline=None)
@given(st.text(st.one_of(st.sampled_from("/.@{-lock~^:?*[\\ \n\t\x7f"), st.characters(codec="utf-8")), max_size=12))
def test_whatever_passes_the_pattern_is_a_reference_to_git_and_one_word_below_refs(text: str) -> None:
    """Proves: F61."""
    for ref in (text, f"refs/heads/{text}", f"refs/heads/a{text}", f"refs/{text}"):
        if REF.fullmatch(ref):
            assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0
            assert ref.startswith("refs/")
            assert "/-" not in ref[: len("refs/heads/") + 1]


@pytest.mark.parametrize(
    "end", [".", "/", ".lock", "/.a", "//a", "/../a", "..a", "@{", " ", "\n", "~1", "^", ":", "?", "*", "[", "\\", "\x7f", "\0"]
)
def test_a_name_that_git_would_not_have_is_refused(ours: Git, end: str) -> None:
    with pytest.raises(Refused, match="name of a branch"):
        ours.checked_ref(f"refs/heads/a{end}")


class Served:
    """A repository over HTTP that asks for a password, and our mirror of it."""

    def __init__(self, tmp_path: Path, ours: Git) -> None:
        self.upstream = Upstream(tmp_path / "repo")
        self.tip = self.upstream.commit({"a": "1\n"})
        self.root = tmp_path / "served"
        self.root.mkdir()
        git(tmp_path, "clone", "-q", "--bare", str(self.upstream.path), str(self.root / "octo.git"))
        self.mirror = Mirror(ours, tmp_path / "mirror.git")


@pytest.fixture
def served(tmp_path: Path, ours: Git) -> Served:
    return Served(tmp_path, ours)


def test_the_credential_is_shown_to_the_remote_and_is_nowhere_else(served: Served, tmp_path: Path) -> None:
    """Proves: I11, T13."""
    spy, log = spying(tmp_path)
    mirror = Mirror(spy, tmp_path / "other.git")
    with serving(served.root, TOKEN) as server:
        source = Source(f"{server.url}/octo.git", Credential("x-access-token", TOKEN))
        assert mirror.tip(source, "main") == served.tip
        assert server.seen[-1] is not None  # and asked for it first
    assert "fetch" in log.read_text()
    everything = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    hidden = base64.b64encode(f"x-access-token:{TOKEN}".encode())
    assert not any(TOKEN.encode() in text or hidden in text for text in everything)
    assert TOKEN not in repr(source)


@pytest.mark.parametrize("credential", [None, Credential("x-access-token", "wrong-" + TOKEN)])
def test_a_wrong_or_missing_credential_never_asks_and_never_shows(served: Served, credential: Credential | None) -> None:
    """Proves: F66, I11."""
    with serving(served.root, TOKEN) as server, pytest.raises(Refused) as raised:
        served.mirror.tip(Source(f"{server.url}/octo.git", credential), "main")
    assert raised.value.reason.code == "repository_unreachable"
    assert "CANARY" not in raised.value.evidence + raised.value.reason.text


def test_a_repository_that_was_renamed_is_followed(served: Served) -> None:
    """Proves: F84."""
    with serving(served.root, TOKEN) as server:
        server.renamed = ("/old.git", "/octo.git")
        assert served.mirror.tip(Source(f"{server.url}/old.git", Credential("x-access-token", TOKEN)), "main") == served.tip


def test_a_redirect_to_another_host_gets_no_credential(served: Served) -> None:
    """Proves: I11, F84."""
    with serving(served.root) as other, serving(served.root, TOKEN) as server:
        server.moved_to = other.url.replace("127.0.0.1", "localhost")
        assert served.mirror.tip(Source(f"{server.url}/octo.git", Credential("x-access-token", TOKEN)), "main") == served.tip
        assert other.seen
        other.password = TOKEN
        with pytest.raises(Refused):
            served.mirror.tip(Source(f"{server.url}/octo.git", Credential("x-access-token", TOKEN)), "main")
        assert set(other.seen) == {None}


@pytest.mark.parametrize(
    ("status", "code"), [(404, "repository_unreachable"), (403, "repository_unreachable"), (500, "fetch_failed"), (503, "fetch_failed")]
)
def test_what_the_server_answers_decides_whether_it_may_pass(served: Served, status: int, code: str) -> None:
    with serving(served.root) as server:
        server.status = status
        with pytest.raises(Fault) as raised:
            served.mirror.tip(Source(f"{server.url}/octo.git"), "main")
    assert raised.value.reason.code == code
    assert isinstance(raised.value, Refused) == (code == "repository_unreachable")


def test_a_server_that_is_down_may_come_back(served: Served) -> None:
    with pytest.raises(Fault) as raised:
        served.mirror.tip(Source("http://127.0.0.1:9/octo.git"), "main")
    assert (raised.value.reason.code, type(raised.value)) == ("fetch_failed", Fault)


def test_a_server_that_says_nonsense_is_a_failed_fetch(served: Served) -> None:
    """Proves: F66."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_nonsense, args=(server,))
        thread.start()
        with pytest.raises(Fault) as raised:
            served.mirror.tip(Source(f"http://127.0.0.1:{server.getsockname()[1]}/octo.git"), "main")
        thread.join()
    assert raised.value.reason.code == "fetch_failed"


def _nonsense(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n" + b"\xff" * 4096)


def test_a_push_over_http_carries_the_credential_and_tells_refusals(served: Served, tmp_path: Path) -> None:
    """Proves: F70, F71."""
    world = World(tmp_path / "world", Unconfined())
    git(served.root, "clone", "-q", "--bare", str(world.upstream.path), str(served.root / "hello.git"))
    run = world.prepared(world.run())
    run = replace(run, snapshot=world.changed("echo new > new", run))
    commit = run.snapshot.commit if run.snapshot else ""
    with serving(served.root, TOKEN) as server:
        remote = GitRemote(world.data, world.git, Pushing(f"{server.url}/hello.git", Credential("x-access-token", TOKEN)))
        remote.push(run, "refs/heads/new", commit, expect=None)
        assert git(served.root / "hello.git", "rev-parse", "refs/heads/new").strip() == commit
        told = {}
        for status in (401, 403, 404, 500):
            server.status = status
            with pytest.raises(Fault) as raised:
                remote.push(run, "refs/heads/other", commit, expect=None)
            told[status] = raised.value.reason.code
            assert "CANARY" not in raised.value.evidence
    assert told == {401: "github_auth", 403: "push_refused", 404: "repository_gone", 500: "github_unavailable"}


class Pushing:
    """`Sources` with a credential."""

    def __init__(self, url: str, credential: Credential) -> None:
        self._source = Source(url, credential)

    def source(self, repository: Repository, *, write: bool = False) -> Source:
        return self._source

    def tip(self, repository: Repository, branch: str) -> str | None:
        return None


def crafted(at: Path, name: str, mode: str = "100644") -> str:
    """A commit with an entry no honest tool makes."""
    blob = git(at, "hash-object", "-w", "--stdin", data=b"[core]\n\tfsmonitor = touch x\n").strip()
    tree = git(at, "mktree", data=f"{mode} blob {blob}\t{name}\n".encode()).strip()
    commit = git(at, "commit-tree", "-m", "crafted", tree).strip()
    git(at, "update-ref", "refs/heads/crafted", commit)
    return commit


@pytest.mark.parametrize("mode", ["100644", "120000"])
@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".gitmodules"])
def test_crafted_objects_are_refused_on_the_way_in(served: Served, name: str, mode: str) -> None:
    """Proves: F66, T18, E-G3."""
    if (name, mode) == (".gitmodules", "100644"):
        return  # an honest one
    crafted(served.root / "octo.git", name, mode)
    with serving(served.root) as server, pytest.raises(Fault) as raised:
        served.mirror.tip(Source(f"{server.url}/octo.git"), "crafted")
    assert raised.value.reason.code == "fetch_failed"
    assert "fsck" in raised.value.evidence or "has" in raised.value.evidence


def test_fetches_of_one_repository_take_turns(served: Served) -> None:
    told: list[str] = []
    with serving(served.root) as server:
        source = Source(f"{server.url}/octo.git")
        threads = [threading.Thread(target=lambda: told.append(served.mirror.tip(source, "main"))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == [served.tip] * 6


def test_a_repository_of_another_owner_can_be_read(served: Served) -> None:
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "12345:12345", str(served.upstream.path)], check=True)
    assert served.mirror.tip(Source(str(served.upstream.path)), "main") == served.tip


def test_input_may_come_from_a_file(ours: Git, tmp_path: Path) -> None:
    ours.ask("init", "-q", "--bare", str(tmp_path / "x.git"), at=None)
    (tmp_path / "text").write_text("hello\n")
    captured: Captured = ours.run("hash-object", "--stdin", at=Place(tmp_path / "x.git"), given=Input(file=tmp_path / "text"))
    assert captured.stdout.text.strip() == "ce013625030ba8dba906f756967f9e9ca394464a"
