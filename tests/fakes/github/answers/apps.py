"""The App itself: its installations, their tokens, and its webhook deliveries."""

from tests.fakes.github.calls import Answer, Call, paged, sized
from tests.fakes.github.state import Delivery, Installation
from tests.fakes.github.tokens import LEVELS, Deny


def get_app(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.app(call.hub.app))


def list_installations(call: Call) -> Answer:
    live = [i for i in call.hub.installations.values() if not i.removed]
    return paged(call, live, lambda i: call.hub.shapes.installation(call.hub.app, i))


def get_installation(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.installation(call.hub.app, _installation(call)))


def repository_installation(call: Call) -> Answer:
    installation = call.hub.installation_of(call.repo)
    if not installation:
        raise Deny(404, "Not Found")
    return Answer(200, call.hub.shapes.installation(call.hub.app, installation))


def mint(call: Call) -> Answer:
    """A token, narrowed to what the body asks for; never wider than the installation."""
    installation, hub = _installation(call), call.hub
    if installation.suspended:
        raise Deny(403, "This installation has been suspended")
    body = call.body or {}
    live = {number for number in installation.repositories if not hub.repositories[number].deleted}
    named = {hub.repositories[number].name: number for number in live}
    by_name = [named.get(name, 0) for name in body.get("repositories", ())]
    wanted = frozenset(body.get("repository_ids") or by_name or installation.repositories)
    if not wanted <= live:
        raise Deny(422, "There is at least one repository that does not exist or is not accessible to the parent installation.")
    permissions = {**(body.get("permissions") or installation.permissions), "metadata": "read"}
    for name, level in permissions.items():
        if LEVELS[level] > LEVELS.get(installation.permissions.get(name, ""), 0):
            raise Deny(422, "The permissions requested are not granted to this installation.")
    token = hub.tokens.mint(installation, wanted, permissions, hub.now())
    return Answer(201, hub.shapes.token(token, [hub.repositories[number] for number in sorted(wanted)]))


def list_repositories(call: Call) -> Answer:
    assert call.caller.token
    repos = [call.hub.repositories[number] for number in sorted(call.caller.token.repositories)]
    answer = paged(call, repos, call.hub.shapes.repository, key="repositories")
    return Answer(200, answer.body | {"repository_selection": "selected"}, answer.next_query)


def list_deliveries(call: Call) -> Answer:
    """Newest first; `cursor` is the id of the last one of the page before."""
    rows = call.hub.hooks.listed(call.hub.now())
    cursor = call.query.get("cursor")
    if cursor:
        rows = [row for row in rows if row.id < int(cursor)]
    size = sized(call)
    more = {"cursor": str(rows[size - 1].id)} if len(rows) > size else {}
    return Answer(200, [call.hub.shapes.delivery(row) for row in rows[:size]], more)


def get_delivery(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.whole_delivery(_delivery(call)))


def redeliver(call: Call) -> Answer:
    """Ask for another sending; it happens after the answer."""
    hub = call.hub
    hub.hooks.send_later(hub.hooks.again(hub.id(), _delivery(call), hub.now()))
    return Answer(202, {})


def _installation(call: Call) -> Installation:
    installation = call.hub.installations.get(call.number("installation_id"))
    if not installation or installation.removed:
        raise Deny(404, "Not Found")
    return installation


def _delivery(call: Call) -> Delivery:
    number = call.number("delivery_id")
    found = next((row for row in call.hub.hooks.listed(call.hub.now()) if row.id == number), None)
    if not found:
        raise Deny(404, "Not Found")
    return found
