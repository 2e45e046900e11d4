"""The real git behind a repository of the fake: bare repositories, commits made by people, and smart HTTP by `git http-backend`."""

import base64
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

NAME, EMAIL = "A Person", "person@example.invalid"
PERSON = f"{NAME} <{EMAIL}>"
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}
UPDATE_HOOK = """#!/bin/sh
# Refuses what GitHub refuses on push: protected branches, and workflow files without the permission for them.
if grep -qx "$1" "$GIT_DIR/protected" 2>/dev/null; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  exit 1
fi
[ "$FAKE_WORKFLOWS" = yes ] && exit 0
case "$3" in *[!0]*) ;; *) exit 0 ;; esac
base=$2
case "$2" in *[!0]*) ;; *) base=$(git merge-base "$3" HEAD 2>/dev/null) ;; esac
[ -n "$base" ] || exit 0
if git diff --name-only "$base" "$3" | grep -q '^\\.github/workflows/'; then
  echo "refusing to allow a GitHub App to create or update workflow without \\`workflows\\` permission" >&2
  exit 1
fi
"""
ZERO = "0" * 40


def git(path: Path, *arguments: str, data: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run git in the bare repository; its standard output, stripped. Raises CalledProcessError."""
    done = subprocess.run(["git", *arguments], cwd=path, input=data, capture_output=True, check=True, env={**ENV, **(env or {})})
    return done.stdout.decode().strip()


def create(path: Path, branch: str, files: Mapping[str, str | bytes]) -> None:
    """A bare repository with one commit of `files` on `branch`."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", f"--initial-branch={branch}")
    for key, value in {
        "http.receivepack": "true",
        "uploadpack.allowAnySHA1InWant": "true",
        "uploadpack.allowFilter": "true",
        "receive.advertisePushOptions": "true",
        "gc.auto": "0",
    }.items():
        git(path, "config", key, value)
    hook = path / "hooks" / "update"
    hook.write_text(UPDATE_HOOK)
    hook.chmod(0o755)
    commit(path, branch, files, "First commit", parent=None)


def commit(
    path: Path, branch: str, files: Mapping[str, str | bytes], message: str, *, parent: str | None, removed: Iterable[str] = ()
) -> str:
    """A commit of `files` over `parent`, made the tip of `branch` (a forced push when `parent` is not its tip)."""
    text = message.encode() + b"\n"
    parts = [b"commit refs/heads/%s\ncommitter %s now\n" % (branch.encode(), PERSON.encode()), _data(text)]
    parts += [b"from %s\n" % parent.encode()] if parent else []
    for name, content in files.items():
        parts += [b"M 100644 inline %s\n" % _quoted(name), _data(content.encode() if isinstance(content, str) else content)]
    parts += [b"D %s\n" % _quoted(name) for name in removed]
    git(path, "fast-import", "--quiet", "--force", "--date-format=now", data=b"".join(parts))
    return git(path, "rev-parse", f"refs/heads/{branch}")


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(name: str) -> bytes:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode()


def tip(path: Path, branch: str) -> str | None:
    """The sha a branch stands at; None when there is none."""
    return refs(path).get(f"refs/heads/{branch}")


def refs(path: Path) -> dict[str, str]:
    """Every ref and where it stands."""
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def has_commit(path: Path, sha: str) -> bool:
    """Whether the repository holds that commit."""
    try:
        return git(path, "cat-file", "-t", sha) == "commit"
    except subprocess.CalledProcessError:
        return False


def blob(path: Path, rev: str, name: str) -> tuple[str, bytes] | None:
    """Blob id and content of a file at a revision; None when it is not there."""
    try:
        sha = git(path, "rev-parse", "--verify", "--quiet", f"{rev}:{name}")
    except subprocess.CalledProcessError:
        return None
    done = subprocess.run(["git", "cat-file", "blob", sha], cwd=path, capture_output=True, check=False, env=ENV)
    return (sha, done.stdout) if done.returncode == 0 else None


def ahead(path: Path, base: str, head: str) -> int:
    """How many commits `head` has that `base` has not."""
    return int(git(path, "rev-list", "--count", f"{base}..{head}"))


def password(authorization: str) -> str | None:
    """The password of a Basic authorization, in which git carries the token."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value).decode().partition(":")[2]
    except ValueError:
        return None


def backend(
    path: Path, service: str, *, method: str, query: str, headers: Mapping[str, str], body: bytes, workflows: bool
) -> tuple[int, dict[str, str], bytes]:
    """One CGI call of `git http-backend`: status, headers and body of its answer."""
    env = {
        **ENV,
        "GIT_PROJECT_ROOT": str(path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{path.name}/{service}",
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": "x-access-token",
        "FAKE_WORKFLOWS": "yes" if workflows else "no",
    }
    done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=False, env=env)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(fields.pop("Status", "200 OK").split(" ")[0])
    return status, fields, content
