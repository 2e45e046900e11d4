"""Whether the work may still leave, by what is so at that moment."""

from dataclasses import replace

import pytest

from app.authority import Authority
from handlers.facts import Admitted
from jobs.errors import Fault, Refused
from jobs.model import Actor, ItemKind, Run, Source
from tests.fakes.engine import request, rules
from tests.fakes.intake import FakeFacts

ADA = Actor(7, "ada", "write")


def asked(actor: Actor | None = ADA, trigger: str = "command") -> Run:
    source = Source(trigger, "d-1", ItemKind.ISSUE, 7, actor=actor)
    return Run("ab" * 16, replace(request(), source=source), rules())


def authority(role: str = "write", members: dict[str, tuple[str, ...]] | None = None, **admitted: object) -> Authority:
    return Authority(FakeFacts(roles={"ada": role}, members=members or {}), Admitted(**admitted))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "needed", "may"),
    [
        ("write", "write", True), ("triage", "write", False), ("read", "write", False), ("none", "read", False), ("odd", "write", False),
        ("write", "read", True), ("triage", "triage", False), ("write", "maintain", False), ("maintain", "maintain", True),
        ("admin", "maintain", True),
    ],
)  # fmt: skip
def test_it_takes_the_role_it_took_and_at_least_the_right_to_write(role: str, needed: str, may: bool) -> None:
    """Proves: T05, I19."""
    run = asked(replace(ADA, needed=needed))
    if may:
        authority(role).may_deliver(run)
        return
    with pytest.raises(Refused) as refused:
        authority(role).may_deliver(run)
    assert refused.value.reason.code == "not_authorised"


@pytest.mark.parametrize(
    ("admitted", "members"),
    [
        ({"kept_out_users": frozenset({"ada"})}, {}),
        ({"kept_out_users": frozenset({7})}, {}),
        ({"kept_out_teams": frozenset({"acme/out"})}, {"acme/out": ("ada",)}),
        ({"users": frozenset({"bob"})}, {}),
        ({"teams": frozenset({"acme/core"})}, {"acme/core": ("bob",)}),
        ({"repositories": frozenset({"acme/other"})}, {}),
        ({"kept_out_repositories": frozenset({"acme/*"})}, {}),
    ],
)
def test_a_list_that_changed_meanwhile_counts(admitted: dict[str, object], members: dict[str, tuple[str, ...]]) -> None:
    """Proves: T05."""
    with pytest.raises(Refused) as refused:
        authority(members=members, **admitted).may_deliver(asked())
    assert refused.value.reason.code == "not_authorised"


def test_who_is_in_a_team_that_was_named_is_let_out() -> None:
    authority(members={"acme/core": ("ada",)}, teams=frozenset({"acme/core"})).may_deliver(asked())


def test_a_bot_has_the_role_the_operator_gave_it_for_as_long_as_it_is_named() -> None:
    """Proves: T06."""
    bot = asked(Actor(5, "renovate[bot]", "write"))
    authority(bots=frozenset({5})).may_deliver(bot)
    for changed in ({}, {"bots": frozenset({5}), "bot_role": "triage"}):
        with pytest.raises(Refused):
            authority(**changed).may_deliver(bot)


def test_operators_ask_nobody_and_nobody_at_all_may_nothing() -> None:
    for trigger in ("cli", "api", "schedule"):
        authority("none").may_deliver(asked(None, trigger))
    with pytest.raises(Refused, match="Nobody stands behind"):
        authority().may_deliver(asked(None))


def test_without_an_answer_nothing_leaves() -> None:
    """Proves: T05."""
    away = FakeFacts(away=Fault("github_unavailable", "no answer"))
    with pytest.raises(Fault):
        Authority(away, Admitted()).may_deliver(asked())
