"""docs/security.md tells what the tests claim."""

from tests.hostile.page import PAGE, TABLE, THREATS, claimed, page


def test_each_threat_has_a_test() -> None:
    assert list(THREATS) == [f"T{n:02}" for n in range(1, 41)]
    tests = claimed()
    assert {threat for threat in THREATS if not tests.get(threat)} == set()
    assert set(tests) - set(THREATS) == set()


def test_the_page_is_the_one_that_would_be_written() -> None:
    text = PAGE.read_text()
    assert TABLE.search(text)
    assert text == page(text), "run python -m tests.hostile.page"
