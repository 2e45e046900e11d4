"""The campaign on addresses: see the module, which is a command."""

from tests.faults.addresses import HOST, PUBLIC, Case, campaign, tried


def test_no_disguise_leads_inside() -> None:
    """Proves: F98, T31."""
    ends, outside, wrong = campaign(10_000, seed=7)
    assert wrong == []
    assert {end.partition(" ")[0] for end in ends if not end.endswith(" refused")} == {"rebinding"}
    assert set(outside) <= set(PUBLIC)
    assert outside


def test_the_guard_sees_a_connection() -> None:
    """It could not fail otherwise."""
    assert tried(Case("public", f"https://{HOST}/", (PUBLIC[:1],))) == ("not reached", [PUBLIC[0]])
