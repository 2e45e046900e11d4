"""docs/faults.md tells what the tests claim."""

from tests.faults.page import PAGE, RIGHT, claimed, page

NUMBERS = (*range(1, 17), *range(20, 35), *range(40, 49), *range(50, 59), *range(65, 69), *range(70, 91), *range(95, 103))
OURS = [f"F{n:02}" for n in NUMBERS]


def test_each_fault_has_a_test() -> None:
    assert list(RIGHT) == OURS
    tests = claimed()
    assert {fault for fault in OURS if not tests.get(fault)} == set()


def test_the_page_is_the_one_that_would_be_written() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.faults.page"
