"""Reports become findings; broken ones are said to be broken and point nowhere outside the repository."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evidence import Finding
from jobs.gates.reports import REPORTS, BrokenReport
from jobs.gates.reports.places import from_uri, mentioned, placed, said

ROOT = "/checkout"
JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" failures="1" errors="1" tests="4">
<testcase classname="tests.test_greeting" name="test_says_hello" time="0.1"><failure message="assert 'helo' == 'hello'">
def test_says_hello():
&gt;       assert greet() == "hello"
E       AssertionError: assert 'helo' == 'hello'

tests/test_greeting.py:5: AssertionError</failure></testcase>
<testcase classname="tests.test_greeting" name="test_shouts" file="/checkout/tests/test_shout.py" line="9">
<error message="boom"/></testcase>
<testcase classname="tests.test_greeting" name="test_skipped"><skipped message="no"/></testcase>
<testcase classname="tests.test_greeting" name="test_fine"/>
</testsuite></testsuites>"""


def junit(text: str | bytes) -> tuple[Finding, ...]:
    return REPORTS["junit"](text.encode() if isinstance(text, str) else text, "tests", ROOT)


def sarif(log: object) -> tuple[Finding, ...]:
    return REPORTS["sarif"](json.dumps(log).encode(), "lint", ROOT)


def plain(text: str) -> tuple[Finding, ...]:
    return REPORTS["plain"](text.encode(), "build", ROOT)


def test_failed_tests_are_findings_at_their_lines() -> None:
    """Proves: 003-20."""
    first, second = junit(JUNIT)
    assert first.message.startswith("tests.test_greeting.test_says_hello: assert 'helo' == 'hello'")
    assert (first.gate, first.path, first.line, first.level) == ("tests", "tests/test_greeting.py", 5, "failure")
    assert (second.message, second.path, second.line) == ("tests.test_greeting.test_shouts: boom", "tests/test_shout.py", 9)


def test_nested_and_single_suites_are_read() -> None:
    case = '<testcase name="a"><failure>no</failure></testcase>'
    assert len(junit(f"<testsuites><testsuite><testsuite>{case}</testsuite></testsuite></testsuites>")) == 1
    assert len(junit(f"<testsuite>{case}{case}</testsuite>")) == 2
    assert junit("<testsuite/>") == ()


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><testsuite name="&b;"/>'


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"not xml",
        b"<testsuite>",
        b"<html/>",
        BOMB.encode(),
        ("<?xml version='1.0'?>" + BOMB).encode(),
        BOMB.encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?>+ADw-testsuite/+AD4-',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>',
        b"\xff\xfe\x00",
        b"<a>" * 100_000,
        b"<testsuite>" * 5000 + b"</testsuite>" * 5000,
    ],
)
def test_an_unusable_junit_report_says_so(report: bytes) -> None:
    """Proves: F54, T02."""
    with pytest.raises(BrokenReport):
        junit(report)


@pytest.mark.parametrize("size", range(0, len(JUNIT) - 1, 7))
def test_a_report_cut_anywhere_is_broken(size: int) -> None:
    """Proves: F54."""
    with pytest.raises(BrokenReport):
        junit(JUNIT[:size])


def result(**changes: object) -> dict[str, object]:
    place = {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 3, "startColumn": 1}}
    return {"ruleId": "F401", "level": "error", "message": {"text": "unused"}, "locations": [{"physicalLocation": place}]} | changes


def log(*results: dict[str, object], rules: list[dict[str, object]] | None = None) -> dict[str, object]:
    driver = {"name": "ruff", "rules": rules or []}
    return {"version": "2.1.0", "$schema": "x", "runs": [{"tool": {"driver": driver}, "results": list(results), "other": 1}]}


def test_results_are_findings_worst_first() -> None:
    """Proves: 003-20."""
    found = sarif(log(result(level="note"), result(), result(level=None), result(level="none")))
    assert [finding.level for finding in found] == ["failure", "warning", "notice", "notice"]
    assert found[0] == Finding("lint", "F401: unused", "src/a.py", 3, "failure")


def test_a_rule_gives_its_results_a_level() -> None:
    rules = [{"id": "F401", "defaultConfiguration": {"level": "error"}}]
    assert sarif(log({"ruleId": "F401", "message": {"text": "x"}}, rules=rules))[0].level == "failure"


def test_passes_and_suppressed_results_are_none() -> None:
    assert sarif(log(result(kind="pass"), result(suppressions=[{"kind": "inSource"}]))) == ()
    assert sarif({"version": "2.1.0", "runs": [{"tool": {"driver": {}}, "results": None}]}) == ()


@pytest.mark.parametrize(
    "report",
    [b"", b"[]", b"{}", b'{"version": "2.1.0"}', b'{"version":"2.1.0","runs":[{}]}', b"[" * 100_000, b"\xff", b'{"version":"2","runs":1}'],
)
def test_an_unusable_sarif_report_says_so(report: bytes) -> None:
    """Proves: F54."""
    with pytest.raises(BrokenReport):
        REPORTS["sarif"](report, "lint", ROOT)


def test_the_tail_of_plain_output_and_the_places_it_names() -> None:
    """Proves: 003-20, F54."""
    output = """\x1b[31mFAILED\x1b[0m
src/a.py:3:1: F401 unused import
src/b.ts(7,5): error TS2304: Cannot find name
  File "/checkout/src/c.py", line 12, in greet
    raise KeyError(name)
KeyError: 'name'
/usr/lib/python3.11/ast.py:50: in parse
../outside.py:1: nothing
12:30:45 10.0.0.1:8080 connected
src/a.py:3:1: F401 unused import
"""
    whole, *places = plain(output)
    assert whole.message.startswith("FAILED\nsrc/a.py")
    assert [(place.path, place.line, place.message) for place in places] == [
        ("src/a.py", 3, "F401 unused import"),
        ("src/b.ts", 7, "error TS2304: Cannot find name"),
        ("src/c.py", 12, "KeyError: 'name'"),
    ]


def test_long_output_keeps_its_end() -> None:
    """Proves: F53, I20."""
    (whole,) = plain("x\n" * 100_000 + "the end")
    assert whole.message.endswith("the end")
    assert len(whole.message) <= 4000
    assert plain("")[0].message == "It failed and printed nothing."


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("/checkout/src/a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("../a.py", None),
        ("src/../../a.py", None),
        ("/checkout/../etc/passwd", None),
        ("/etc/passwd", None),
        ("//etc/passwd", None),
        ("/checkout", None),
        ("/checkoutx/a.py", None),
        (".", None),
        ("", None),
        (None, None),
        (".git/config", None),
        ("a\nb", None),
        ("a\u202eb", None),
        ("a\0b", None),
    ],
)
def test_a_finding_points_into_the_repository_or_nowhere(path: str | None, where: str | None) -> None:
    """Proves: I24, F57."""
    assert placed(path, ROOT) == where


HUGE = {
    "junit": b"<testsuite>" + b"<a>" * 600_000,
    "sarif": b'{"version": "2.1.0", "runs": [' + b"{}," * 600_000 + b"{}]}",
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_report_of_countless_parts_is_refused_before_it_is_read(kind: str) -> None:
    """Proves: F52, I20."""
    with pytest.raises(BrokenReport, match="more than 500,000 parts"):
        REPORTS[kind](HUGE[kind], "gate", ROOT)


def test_many_results_of_many_rules_take_no_longer_than_their_number() -> None:
    """Proves: F52, I20. Each against each other would be a hundred million looks."""
    rules = [{"id": str(number)} for number in range(10_000)]
    results = [{"ruleId": "none of them", "message": {"text": "m"}}] * 10_000
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": rules}}, "results": results}]}
    found = REPORTS["sarif"](json.dumps(log).encode(), "gate", ROOT)
    assert {finding.level for finding in found} == {"warning"}


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("src/a%20b.py", "src/a b.py"),
        ("file:///checkout/src/a.py", "src/a.py"),
        ("file:///etc/passwd", None),
        ("https://evil.example/src/a.py", None),
        ("//evil.example/a.py", None),
        ("%2e%2e/a.py", None),
        ("http://[", None),
        (None, None),
    ],
)
def test_addresses_of_files(uri: str | None, where: str | None) -> None:
    """Proves: T21."""
    assert from_uri(uri, ROOT) == where


def test_the_innermost_place_of_the_repository() -> None:
    text = "src/a.py:3: in f\nlib/site-packages/x.py:9: in g\n/usr/lib/y.py:4: in h"
    assert mentioned(text, ROOT) == ("src/a.py", 3)
    assert mentioned("nothing", ROOT) == (None, None)


def test_messages_are_cleaned_and_cut() -> None:
    """Proves: T10, T23."""
    assert said(" a\x1b[2J\u202eb ") == "ab"
    assert len(said("x" * 10_000)) == 2000


@given(st.binary(max_size=300), st.sampled_from(sorted(REPORTS)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_findings_or_broken(data: bytes, kind: str) -> None:
    """Proves: F54."""
    with suppress(BrokenReport):
        assert all(finding.gate == "g" for finding in REPORTS[kind](data, "g", ROOT))


def test_a_traceback_becomes_its_innermost_place_of_ours_with_the_exception() -> None:
    """Proves: 003-20."""
    printed = (
        "FAIL: test_greets (test_greeter.GreetTest)\nTraceback (most recent call last):\n"
        '  File "/checkout/test_greeter.py", line 8, in test_greets\n    helper()\n'
        '  File "/checkout/helping.py", line 3, in helper\n    raise AssertionError\n'
        '  File "/usr/lib/python3.11/unittest/case.py", line 58, in inner\n    raise\n'
        "AssertionError: 'Ada' not found in 'ADA'\n"
    )
    (_, place) = plain(printed)
    assert (place.path, place.line, place.message) == ("helping.py", 3, "AssertionError: 'Ada' not found in 'ADA'")
