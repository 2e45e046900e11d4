"""When a callback is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.schedule import BUSY, MOST_WAIT_S, SCHEDULE_S, Next, after, arrived


def test_ten_tries_over_three_days_as_standard_webhooks_has_it() -> None:
    """Proves: F95, F96, I10."""
    assert len(SCHEDULE_S) == 10
    assert sum(SCHEDULE_S) == 75 * 3600 + 35 * 60 + 5


@pytest.mark.parametrize("tries", range(1, 10))
def test_each_wait_is_the_schedule_s_and_a_little_spread(tries: int) -> None:
    """Proves: F96."""
    waits = {(after(f"msg_{n}", tries, 1000.0, status=500).at or 0) - 1000.0 for n in range(200)}
    assert all(0.9 * SCHEDULE_S[tries] <= wait <= 1.1 * SCHEDULE_S[tries] for wait in waits)
    assert max(waits) - min(waits) > 0.1 * SCHEDULE_S[tries]


def test_the_spread_of_one_try_is_always_the_same() -> None:
    assert after("msg_1", 3, 0.0) == after("msg_1", 3, 0.0)


def test_after_the_last_try_it_is_a_dead_letter() -> None:
    """Proves: I10."""
    assert after("msg_1", 10, 0.0, status=500) == Next(None)


def test_gone_is_gone() -> None:
    """Proves: F96."""
    assert after("msg_1", 1, 0.0, status=410) == Next(None, gone=True)


@pytest.mark.parametrize("status", sorted(BUSY))
def test_a_busy_receiver_is_left_in_peace_for_a_while(status: int) -> None:
    """Proves: F96."""
    assert after("msg_1", 1, 100.0, status=status).quiet_until == 130.0
    assert after("msg_1", 1, 100.0, status=500).quiet_until is None


def test_what_a_receiver_asks_for_is_given_up_to_a_day() -> None:
    """Proves: F96."""
    assert after("msg_1", 1, 100.0, status=429, retry_after=60.0) == Next(160.0, 160.0)
    assert after("msg_1", 1, 100.0, status=503, retry_after=9e9) == Next(100.0 + MOST_WAIT_S, 100.0 + MOST_WAIT_S)


@given(st.integers(1, 20), st.one_of(st.none(), st.integers(300, 599)), st.one_of(st.none(), st.floats(0, 1e12)))
def test_no_try_is_ever_in_the_past_or_days_away(tries: int, status: int | None, asked: float | None) -> None:
    """Proves: I14, I20."""
    follows = after("msg_1", tries, 1000.0, status=status, retry_after=asked)
    assert follows.at is None or 1000.0 < follows.at <= 1000.0 + 1.1 * MOST_WAIT_S
    assert (follows.at is None) == (tries >= 10 or status == 410)


def test_only_a_yes_is_a_yes() -> None:
    """Proves: F97."""
    assert [status for status in range(100, 600) if arrived(status)] == list(range(200, 300))
