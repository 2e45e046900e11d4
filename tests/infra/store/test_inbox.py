"""A webhook is a row before it is answered; the same one again is the same row; each comes to an end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from infra.store.inbox import MOST_TRIES, REFUSED, Delivery, SqlInbox
from infra.store.schema import inbox as table

HOOK = Delivery("99", "issues", "d1", "labeled", "192.0.2.1", "secret:0", b'{"action": "labeled"}')


def test_a_redelivery_changes_nothing(engine: sa.Engine) -> None:
    """Proves: F02, F05, F13, T03."""
    inbox = SqlInbox(engine)
    [(first, new)] = inbox.insert([HOOK])
    assert new
    assert inbox.insert([replace(HOOK, body=b"other")]) == [(first, False)]
    assert inbox.claim(first).delivery == HOOK


def test_the_same_id_of_another_app_or_event_is_another_delivery(engine: sa.Engine) -> None:
    """Proves: F06."""
    rows = SqlInbox(engine).insert([HOOK, replace(HOOK, app="98"), replace(HOOK, event="issue_comment"), HOOK])
    assert [new for _, new in rows] == [True, True, True, False]
    assert (len({row_id for row_id, _ in rows}), rows[3][0]) == (3, rows[0][0])


def test_fifty_at_once_are_one_row(engine: sa.Engine) -> None:
    """Proves: F05."""
    inbox = SqlInbox(engine)
    with ThreadPoolExecutor(16) as pool:
        answers = [answer for [answer] in pool.map(lambda _: inbox.insert([HOOK]), range(50))]
    assert (len({row_id for row_id, _ in answers}), sum(new for _, new in answers)) == (1, 1)


def test_one_bad_row_never_fails_its_batch(engine: sa.Engine) -> None:
    inbox = SqlInbox(engine)
    bad = replace(HOOK, delivery=None)  # type: ignore[arg-type]  # what must not happen, happening
    answers = inbox.insert([HOOK, bad, replace(HOOK, delivery="d2")])
    assert [new for _, new in answers] == [True, False, True]
    assert answers[1][0] == REFUSED
    assert len(inbox.due()) == 2
    assert inbox.insert([]) == []


def test_what_is_kept_together_came_in_at_one_time(engine: sa.Engine) -> None:
    SqlInbox(engine).insert([replace(HOOK, delivery=f"d{n}") for n in range(40)])
    rows = SqlInbox(engine).listing()
    assert (len(rows), len({row["received_at"] for row in rows})) == (40, 1)


def test_a_body_is_kept_byte_for_byte(engine: sa.Engine) -> None:
    body = bytes(range(256)) * 5000
    [(row_id, _)] = SqlInbox(engine).insert([replace(HOOK, body=body)])
    assert SqlInbox(engine).claim(row_id).delivery.body == body


def test_one_worker_has_a_row_and_a_late_one_cannot_finish_it(engine: sa.Engine) -> None:
    """Proves: F04, I01."""
    inbox = SqlInbox(engine)
    [(row_id, _)] = inbox.insert([HOOK])
    first = inbox.claim(row_id)
    assert inbox.claim(row_id) is None
    assert inbox.due() == []
    _let_leases_run_out(engine)
    assert inbox.due() == [row_id]
    second = inbox.claim(row_id)
    assert not inbox.finish(first, "ignored", "too late")
    assert inbox.finish(second, "done", None, "r" * 32)
    assert inbox.claim(row_id) is None
    assert (inbox.listing()[0]["state"], inbox.listing()[0]["run_id"]) == ("done", "r" * 32)


def test_a_row_put_back_waits_its_time(engine: sa.Engine) -> None:
    inbox = SqlInbox(engine)
    [(row_id, _)] = inbox.insert([HOOK])
    assert inbox.later(inbox.claim(row_id), 3600, "GitHub is down.")
    assert (inbox.claim(row_id), inbox.due()) == (None, [])
    assert inbox.listing("pending")[0]["reason"] == "GitHub is down."


def test_a_row_nobody_can_finish_is_dead_with_a_reason_and_can_be_replayed(engine: sa.Engine) -> None:
    """Proves: 002-05, I01, I09."""
    inbox = SqlInbox(engine)
    [(row_id, _)] = inbox.insert([HOOK])
    for _ in range(MOST_TRIES):
        assert inbox.claim(row_id)
        _let_leases_run_out(engine)
    assert inbox.claim(row_id) is None
    [dead] = inbox.listing("dead")
    assert f"slipway inbox replay {row_id}" in dead["reason"]
    inbox.replay(row_id)
    assert inbox.due() == [row_id]
    assert inbox.claim(row_id).tries == 1
    with pytest.raises(KeyError):
        inbox.replay(row_id + 1)


def test_old_bodies_go_and_their_rows_still_know_a_replay(engine: sa.Engine) -> None:
    """Proves: F13."""
    inbox = SqlInbox(engine)
    [(row_id, _)] = inbox.insert([HOOK])
    inbox.finish(inbox.claim(row_id), "done", None)
    assert inbox.compact(older_than_s=3600) == 0
    assert inbox.compact(older_than_s=-60) == 1
    assert inbox.insert([HOOK]) == [(row_id, False)]
    assert inbox.known("99", ["d1", "d2"]) == {"d1"}


def test_a_listing_is_read_on_from_below_a_row(engine: sa.Engine) -> None:
    inbox = SqlInbox(engine)
    ids = [row_id for row_id, _ in inbox.insert([replace(HOOK, delivery=f"d{n}") for n in range(5)])]
    page = inbox.listing(limit=3)
    assert [row["id"] for row in page + inbox.listing(before=page[-1]["id"])] == sorted(ids, reverse=True)
    assert "body" not in page[0]


def _let_leases_run_out(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(table).values(lease_until=0.0))
