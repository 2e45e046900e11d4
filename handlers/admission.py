"""The operator's lists: which repositories and people are let in, and which are kept out. Asked at the start and before delivery."""

from collections.abc import Collection

from handlers.facts import Admitted
from jobs.model import Actor, Repository


def closed_to(repository: Repository, admitted: Admitted) -> str:
    """Why nothing is done for a repository; empty when it may be. Names are compared whole, never by prefix."""
    name = repository.full_name.lower()
    known = {name, f"{name.partition('/')[0]}/*", str(repository.id)}
    if known & admitted.kept_out_repositories:
        return f"{repository.full_name} is among the repositories the operator keeps out"
    if admitted.repositories and not known & admitted.repositories:
        return f"{repository.full_name} is not among the repositories the operator named"
    return ""


def kept_out(actor: Actor, admitted: Admitted, teams: Collection[str]) -> bool:
    """Whether somebody is on a list of those who are not listened to; that list wins over every other."""
    return bool(_names(actor) & admitted.kept_out_users or admitted.kept_out_teams.intersection(teams))


def not_named(actor: Actor, admitted: Admitted, teams: Collection[str]) -> bool:
    """Whether the operator named whom he listens to, and somebody is none of them."""
    if not (admitted.users or admitted.teams):
        return False
    return not (_names(actor) & admitted.users or admitted.teams.intersection(teams))


def _names(actor: Actor) -> set[int | str]:
    return {actor.id, actor.login.lower()}
