"""What is shown of callbacks."""

import pytest

from infra import receivers

HOOK = "https://user:word@hooks.example.org:8443/services/of-the-team/and-no-others?key=hidden-too"


@pytest.mark.parametrize(
    "said",
    [
        "Cannot POST /services/of-the-team/and-no-others?key=hidden-too",
        '{"path": "\\/services\\/of-the-team\\/and-no-others", "key": "hidden-too"}',
        "no route matches [POST] of-the-team, and-no-others &amp; key=hidden-too",
        HOOK,
    ],
)
def test_a_receiver_that_repeats_its_address_does_not_tell_it(said: str) -> None:
    """Proves: T04."""
    shown = receivers.veiled(f"404 {said} (no such hook)", HOOK)
    assert not any(part in shown for part in ("of-the-team", "and-no-others", "hidden-too"))
    assert (shown[:4], shown[-15:]) == ("404 ", " (no such hook)")


def test_the_words_of_an_answer_stay() -> None:
    assert receivers.veiled("The token expired on /", "https://hooks.example.org/") == "The token expired on /"


def test_a_row_is_shown_without_the_address_in_any_of_its_columns() -> None:
    """Proves: T04."""
    row = {"id": "msg_1", "url": HOOK, "last_error": f"404 {HOOK}"}
    told = {"id": "msg_1", "url": "https://hooks.example.org:8443", "receiver": "232473eb", "last_error": "404 [redacted]"}
    assert receivers.outside(row) == told
    assert receivers.outside({**row, "last_error": None})["last_error"] is None
