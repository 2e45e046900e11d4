"""The breaker's decisions, one by one."""

from dataclasses import replace

import pytest

from jobs import events as e
from jobs.errors import REASONS, Reason
from jobs.model import Phase, Repository, Run, RunState
from jobs.outages import FIRST_S, MOST_S, OPENS_AFTER, OUTAGES, TEXTS, Outage, Sign, asked, codes, dependencies, failed, signs
from tests.fakes.engine import request, rules

RUN = Run("r" * 32, request(), rules(), state=RunState.RUNNING, claimed_at=1.0)
SIGN = Sign("7:claude", "provider_overloaded")


def test_every_outage_has_a_reason_and_words() -> None:
    assert set(OUTAGES) <= set(REASONS)
    assert {REASONS[code] for code in OUTAGES} == set(TEXTS)
    assert codes("7:claude") == ("provider_budget", "provider_overloaded", "provider_rate_limited")
    assert codes("7:github") == ("github_unavailable",)


def test_a_run_needs_its_steps_agent_and_the_forge_and_for_its_delivery_only_the_forge() -> None:
    local = replace(RUN, request=replace(RUN.request, repository=Repository(1, "acme/x", 0)))
    hosted = replace(RUN, request=replace(RUN.request, repository=Repository(1, "acme/x", 7)))
    agent = RUN.rules.agent_of(RUN.current, RUN.request.agent).name
    assert dependencies(local) == (f"0:{agent}",)
    assert dependencies(hosted) == (f"7:{agent}", "7:github")
    assert dependencies(replace(hosted, phase=Phase.DELIVER)) == ("7:github",)
    assert dependencies(replace(local, phase=Phase.DELIVER)) == ()


def test_it_opens_with_the_third_run_in_a_row_and_a_straggler_does_not_open_it_for_longer() -> None:
    """Proves: F31."""
    outage: Outage | None = None
    for number in range(OPENS_AFTER):
        assert outage is None or not outage.is_open
        outage = failed(outage, SIGN, f"run-{number}", 100.0)
    assert outage == Outage("7:claude", "provider_overloaded", "run-2", 3, 100.0, openings=1, open_until=100.0 + FIRST_S)
    straggler = failed(outage, SIGN, "run-9", 130.0)
    assert (straggler.openings, straggler.open_until) == (1, 100.0 + FIRST_S)


@pytest.mark.parametrize(("openings", "wait"), [(1, 120.0), (3, 480.0), (9, MOST_S)])
def test_a_probe_that_fails_doubles_the_wait_up_to_a_bound(openings: int, wait: float) -> None:
    outage = Outage("7:claude", "provider_overloaded", "x", 3, 0.0, openings=openings, open_until=5.0, probe="p")
    again = failed(outage, SIGN, "p", 1000.0)
    assert (again.open_until, again.probe, again.openings) == (1000.0 + wait, None, openings + 1)


def test_whoever_asks_while_it_is_open_waits_and_the_first_afterwards_tries() -> None:
    outage = Outage("7:claude", "provider_overloaded", "x", 3, 0.0, openings=1, open_until=60.0)
    waits = asked(outage, "p", 59.0)
    assert isinstance(waits, e.Parked) and (waits.reason.code, waits.until) == ("provider_overloaded", 60.0)
    assert waits.reason.text == (
        "The model provider fails for every run at the moment. This one waits with the others; one of them tries it now and then, and when "
        "it answers they all go on by themselves."
    )
    down = asked(replace(outage, dependency="7:github", code="github_unavailable"), "p", 59.0)
    assert isinstance(down, e.Parked) and down.reason.text == (
        "GitHub does not answer at the moment. This run waits with the others; one of them tries it now and then, and when it answers they "
        "all go on by themselves."
    )
    probing = asked(outage, "p", 60.0)
    assert isinstance(probing, Outage) and probing.probe == "p"
    assert isinstance(asked(probing, "q", 61.0), e.Parked)


def test_a_run_that_is_put_aside_in_the_queue_says_nothing_about_the_world() -> None:
    parked = e.Parked(Reason("provider_overloaded", "x"), 9.0)
    assert signs(RUN, parked) == (Sign(dependencies(RUN)[0], "provider_overloaded"),)
    assert signs(replace(RUN, claimed_at=None, state=RunState.QUEUED), parked) == ()
