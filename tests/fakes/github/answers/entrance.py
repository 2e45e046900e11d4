"""Registration from a manifest, and sign-in of people."""

import base64
import hashlib

from tests.fakes.github.calls import Answer, Call, paged
from tests.fakes.github.hub import Hub
from tests.fakes.github.state import Installation, Repository, User
from tests.fakes.github.tokens import Deny

CLIENT_SECRET = "a client secret of the fake"


def convert(call: Call) -> Answer:
    """The App with its secrets, once for each code."""
    hub = call.hub
    if call.vars["code"] not in hub.manifests:
        raise Deny(404, "Not Found")
    hub.manifests.discard(call.vars["code"])
    client = hub.shapes.installation(hub.app, next(iter(hub.installations.values())))["client_id"] if hub.installations else "Iv1.0"
    secrets = {"client_id": client, "client_secret": CLIENT_SECRET, "webhook_secret": hub.hooks.secret, "pem": hub.private_key}
    return Answer(201, hub.shapes.app(hub.app) | secrets)


def exchange(call: Call) -> Answer:
    """A person's token for a code. GitHub answers 200 with an error in it when the code is not good."""
    found = call.hub.sign_ins.get(call.body["code"])
    digest = hashlib.sha256(call.body["code_verifier"].encode()).digest()
    proved = found and base64.urlsafe_b64encode(digest).decode().rstrip("=") == found.challenge
    if not found or not proved or found.token or call.body["client_secret"] != CLIENT_SECRET:
        return Answer(200, {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."})
    found.token = f"gho_{call.hub.id()}"
    return Answer(200, {"access_token": found.token, "scope": "", "token_type": "bearer"})


def get_me(call: Call) -> Answer:
    assert call.caller.person
    return Answer(200, _profile(call, call.caller.person))


def my_installations(call: Call) -> Answer:
    """Those that reach a repository the person has a role in, a suspended one too."""
    live = [one for one in call.hub.installations.values() if not one.removed and _mine(call, one)]
    return paged(call, live, lambda one: call.hub.shapes.installation(call.hub.app, one), key="installations")


def my_repositories(call: Call) -> Answer:
    """By name in the list of collaborators, or as the owner: that everybody may read a public one is not enough."""
    found = call.hub.installations.get(call.number("installation_id"))
    if found is None or found.removed:
        raise Deny(404, "Not Found")
    if found.suspended:
        raise Deny(403, "This installation has been suspended")
    return paged(call, _mine(call, found), call.hub.shapes.repository, key="repositories")


def _mine(call: Call, installation: Installation) -> list[Repository]:
    person, hub = call.caller.person, call.hub
    assert person
    reached = [hub.repositories[number] for number in sorted(installation.repositories) if not hub.repositories[number].deleted]
    return [repo for repo in reached if _explicitly(hub, repo, person)]


def _explicitly(hub: Hub, repo: Repository, person: User) -> bool:
    return repo.owner.id == person.id or repo.collaborators.get(person.id, "none") != "none"


def get_user(call: Call) -> Answer:
    user = call.hub.users.get(call.vars["username"].lower())
    if not user:
        raise Deny(404, "Not Found")
    return Answer(200, _profile(call, user))


def get_membership(call: Call) -> Answer:
    hub, named = call.hub, call.vars
    user = hub.users.get(named["username"].lower())
    team = f"{named['org']}/{named['team_slug']}".lower()
    state = hub.teams.get(team, {}).get(user.id) if user else None
    if state is None:
        raise Deny(404, "Not Found")
    url = f"{hub.shapes.api}/orgs/{named['org']}/teams/{named['team_slug']}/memberships/{named['username']}"
    return Answer(200, {"url": url, "role": "member", "state": state})


def _profile(call: Call, user: User) -> dict[str, object]:
    empty = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "blog"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    dates = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
    return call.hub.shapes.user(user) | empty | counts | dates
