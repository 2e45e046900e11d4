"""Again, or give up: the one place that says so."""

from dataclasses import replace

import pytest

from jobs import convergence
from jobs import events as e
from jobs.convergence import Patience
from jobs.errors import REASONS, Class, Fault, Reason, Refused
from jobs.evidence import Finding
from jobs.model import Phase, Run, RunState
from tests.fakes.engine import changed, request, rules

RUN = Run("ab" * 16, request(), rules(), RunState.RUNNING, Phase.PREPARE)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_has_a_policy_and_ends_after_finitely_many_faults(code: str) -> None:
    """Proves: 001-27, 001-28, 003-23."""
    run, seen = RUN, 0
    while True:
        event = convergence.after_fault(run, Fault(code, "x"), now=0.0)
        seen += 1
        if isinstance(event, e.GaveUp):
            break
        parked = isinstance(event, e.Parked)
        run = replace(run, stumbles=0 if parked else run.stumbles + 1, parks=run.parks + parked)
    assert event.reason.code == code
    assert seen <= 1 + (1 + convergence.policy(RUN, REASONS[code]).attempts) * (1 + convergence.PARKS.get(REASONS[code], 0))


def test_a_refusal_is_never_tried_again() -> None:
    assert isinstance(convergence.after_fault(RUN, Refused("push_refused", "no"), 0.0), e.GaveUp)
    leaving = replace(RUN, state=RunState.DELIVERING, phase=Phase.DELIVER, snapshot=changed("t"))
    assert isinstance(convergence.after_fault(leaving, Refused("push_refused", "no"), 0.0), e.DeliveryRefused)


def test_waits_grow_are_capped_and_differ_between_runs() -> None:
    """Proves: 003-23."""
    waits = [convergence.delay(RUN, Class.GITHUB, tries) for tries in range(12)]
    assert waits[0] < waits[2] < waits[5]
    assert max(waits) <= convergence.POLICIES[Class.GITHUB].most * 1.25
    assert waits[0] != convergence.delay(replace(RUN, id="cd" * 16), Class.GITHUB, 0)


def test_a_wait_the_other_side_names_is_obeyed() -> None:
    """Proves: F75."""
    event = convergence.after_fault(RUN, Fault("github_rate_limited", "later", retry_after=600), now=1000.0)
    assert isinstance(event, e.Parked)
    assert event.until >= 1600


def test_the_repository_sets_the_policy_of_a_class() -> None:
    """Proves: 003-23."""
    run = replace(RUN, rules=rules(retry={"infrastructure": {"attempts": 0}}))
    assert convergence.policy(run, Class.INFRASTRUCTURE) == Patience(attempts=0, backoff=2, most=300)
    slower = replace(RUN, rules=rules(retry={"provider": {"most": "1h"}}))
    assert convergence.policy(slower, Class.PROVIDER) == Patience(attempts=0, backoff=60, most=3600), "the rest is as it was"
    assert isinstance(convergence.after_fault(run, Fault("fetch_failed", "x"), 0.0), e.Parked)


def test_a_reviewer_cannot_send_a_change_back_for_ever() -> None:
    run = replace(RUN, phase=Phase.FEEDBACK, iteration=1, rejections=6, findings=(Finding("review", "no"),))
    event = convergence.after_findings(run, 0.0)
    assert isinstance(event, e.GaveUp) and event.reason.code == "review_rejected"


def test_an_unknown_reason_code_cannot_be_made() -> None:
    """Proves: 001-27."""
    with pytest.raises(ValueError, match="unknown"):
        Reason("unknown", "x")
