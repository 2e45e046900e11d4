"""What an answer means, whatever it is: a fault with a sentence, or nothing wrong. Pure."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.github.answer import Answer, Declined, Moved, Unauthorised, verdict
from infra.github.lane import BURST, PER_SECOND, Bucket, taken
from jobs.errors import Fault, Refused

NOW = 1_800_000_000.0
JSON = {"content-type": "application/json; charset=utf-8"}
DOCUMENTS = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
ANYTHING = st.binary() | DOCUMENTS.map(lambda document: json.dumps(document).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "date", "location"]), st.text()
)


def judged(status: int, body: Any = None, **headers: str) -> Fault | None:
    named = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return verdict(Answer(status, named, json.dumps(body or {}).encode()), "GET /x", NOW)


@given(status=st.integers(100, 599), headers=HEADERS, body=ANYTHING)
def test_every_answer_has_a_verdict(status: int, headers: dict[str, str], body: bytes) -> None:
    """Proves: F76."""
    fault = verdict(Answer(status, headers, body), "GET /x", NOW)
    assert fault is None or fault.reason.text
    assert fault is not None or status in (200, 201, 202, 204, 304)
    if fault and fault.reason.code == "github_rate_limited":
        assert (fault.retry_after or 0) >= 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "code"),
    [
        (200, [], {}, None, None),
        (204, {}, {}, None, None),
        (200, {}, {"content_type": "text/html"}, Fault, "github_unavailable"),
        (206, {}, {}, Fault, "github_unavailable"),
        (301, {"message": "Moved Permanently"}, {}, Moved, "github_refused"),
        (401, {"message": "Bad credentials"}, {}, Unauthorised, "github_auth"),
        (403, {"message": "Resource not accessible by integration"}, {"x_ratelimit_remaining": "4000"}, Declined, "github_refused"),
        (403, {"message": "This installation has been suspended"}, {}, Fault, "installation_suspended"),
        (403, {"message": "You have triggered an abuse detection mechanism."}, {}, Fault, "github_rate_limited"),
        (403, {}, {"retry_after": "5"}, Fault, "github_rate_limited"),
        (404, {"message": "Not Found"}, {}, Declined, "github_refused"),
        (422, {"message": "Validation Failed"}, {}, Declined, "github_refused"),
        (429, {}, {}, Fault, "github_rate_limited"),
        (451, {}, {}, Declined, "github_refused"),
        (500, {}, {}, Fault, "github_unavailable"),
        (503, {}, {"retry_after": "7"}, Fault, "github_unavailable"),
    ],
)
def test_statuses_and_headers_decide(status: int, body: Any, headers: dict[str, str], kind: type[Fault] | None, code: str | None) -> None:
    """Proves: F75, F76."""
    fault = judged(status, body, **headers)
    assert (type(fault) if fault else None, fault.reason.code if fault else None) == (kind, code)
    assert isinstance(fault, Refused) == (kind in (Moved, Declined))


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry_after": "5"}, 5),
        ({"retry_after": "0"}, 1),
        ({"retry_after": "soon"}, 60),
        ({"retry_after": "inf"}, 60),
        ({"retry_after": "1e9"}, 86_400),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW + 90)}, 90),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW - 90)}, 1),
        ({"x_ratelimit_remaining": "0"}, 60),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "4000", "date": "Thu, 01 Jan 1970 01:00:00 GMT"}, 400),
        ({}, 60),
    ],
)
def test_a_pause_is_as_long_as_github_says_and_a_minute_otherwise(headers: dict[str, str], pause: float) -> None:
    """Proves: F75."""
    fault = judged(429, **headers)
    assert fault
    assert fault.retry_after == pause


def test_github_s_words_are_short_and_on_one_line() -> None:
    fault = judged(422, {"message": "Validation\nFailed\x1b[31m", "errors": ["x" * 900, {"field": "head", "code": "invalid"}]})
    assert isinstance(fault, Declined)
    assert len(fault.said) == 300
    assert fault.said.startswith("Validation Failed [31m – xxx")


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([0.0, 1.0])), max_size=60))
def test_no_more_is_let_through_than_the_bucket_holds(calls: list[tuple[float, float]]) -> None:
    """Proves: I14."""
    bucket, now, sent = Bucket(), NOW, 0.0
    for pause, cost in calls:
        now += pause
        bucket, wait = taken(bucket, now, cost)
        sent += cost
        assert wait == 0.0 or cost
        if cost:
            assert sent <= BURST + (now + wait - NOW) * PER_SECOND + 1e-6
