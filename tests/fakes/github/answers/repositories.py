"""Repositories: metadata, files, people's permission."""

from tests.fakes.github import gitside
from tests.fakes.github.calls import Answer, Call
from tests.fakes.github.tokens import Deny


def get_repository(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.repository(call.repo))


def get_content(call: Call) -> Answer:
    """A file at a ref, read from the real repository."""
    path, ref = call.vars["path"], call.query.get("ref", call.repo.default_branch)
    found = gitside.blob(call.repo.path, ref, path)
    if not found:
        raise Deny(404, "Not Found")
    return Answer(200, call.hub.shapes.content(call.repo, path, ref, found))


def get_branch(call: Call) -> Answer:
    """Where a branch stands in the real repository."""
    branch = call.vars["branch"]
    sha = gitside.tip(call.repo.path, branch)
    if not sha:
        raise Deny(404, "Not Found")
    return Answer(200, call.hub.shapes.ref(call.repo, f"refs/heads/{branch}", sha))


def get_permission(call: Call) -> Answer:
    user = call.hub.users.get(call.vars["username"].lower())
    if not user:
        raise Deny(404, "Not Found")
    return Answer(200, call.hub.shapes.permission(user, call.hub.permission(call.repo, user)))
