"""Who is heard: commands at the start of a line, in the writer's own words."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.grammar import Call, calls, own_words


def heard(comment: str) -> list[str]:
    return [call.rest for call in calls(comment)]


@pytest.mark.parametrize(
    ("comment", "commands"),
    [
        ("/slipway", [""]),
        ("/slipway run", ["run"]),
        ("/slipway\trun  ", ["run"]),
        ("hello\r\n/slipway run\r\nbye", ["run"]),
        ("a\r/slipway run", ["run"]),
        ("/slipway fix\n/slipway status", ["fix", "status"]),
        ("- item\n/slipway run", ["run"]),
        ("# head\n/slipway run", ["run"]),
        ("text\n/slipway run", ["run"]),
        ("Sent from my phone\n/slipway run", ["run"]),
        ("--\n/slipway run", ["run"]),
        ("use `<!--` so\n/slipway run", ["run"]),
        ("use `` ` <!-- `` so\n/slipway run", ["run"]),
        ("<!-- a -->\n/slipway run", ["run"]),
        ("<!---->\n/slipway run", ["run"]),
        ("<!-->\n/slipway run", ["run"]),
        ("<!-- a\nb -->\n/slipway run", ["run"]),
        ("/slipway run <!-- not this -->", ["run"]),
        ("/slipway run <!-- not\nthis --> nor this", ["run"]),
        ("<preface>\n\n/slipway run", ["run"]),
        ("<details>\n<summary>x</summary>\n\n/slipway run\n\n</details>", ["run"]),
        ("```\ncode\n```\n/slipway run", ["run"]),
        ("~~~~\n```\n~~~~\n/slipway run", ["run"]),
        ("- ```\n  code\n  ```\n/slipway run", ["run"]),
        ("- ```\n  code\n/slipway run", ["run"]),
        ("> quote\n\n/slipway run", ["run"]),
        ("> ```\n\n/slipway run", ["run"]),
        ("> quote\n# head\n/slipway run", ["run"]),
        ("```not a `fence`\n/slipway run", ["run"]),
    ],
)
def test_heard(comment: str, commands: list[str]) -> None:
    assert heard(comment) == commands


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "please /slipway run",
        " /slipway run",
        "\t/slipway run",
        "    /slipway run",
        "/slipwayrun",
        "/slipway-run",
        "/slipway: run",
        "/Slipway run",
        "//slipway run",
        "\u200b/slipway run",
        "/slipway\u00a0run",
        "/slipway\u200brun",
        "> /slipway run",
        ">/slipway run",
        "   > /slipway run",
        "> quote\n/slipway run",
        "> quote\nmore of it\n/slipway run",
        "> quote\u2028/slipway run",
        "a\x0b/slipway run",
        "a\x85/slipway run",
        "```\n/slipway run\n```",
        "```python\n/slipway run",
        "   ```\n/slipway run\n   ```",
        "````\n```\n/slipway run\n````",
        "```\n    ```\n/slipway run\n```",
        "```\n``` not closed\n/slipway run\n```",
        "~~~\n/slipway run\n~~~",
        "1. ```\n   a\n   /slipway run",
        "`a\n/slipway run\nb`",
        "``a ` b\n/slipway run ``",
        '<a title="\n/slipway run">x</a>',
        "a <b\n/slipway run",
        "<div>\n/slipway run\n</div>",
        "- > quoted\n/slipway run",
        "1. x\n    > quoted\n/slipway run",
        "[x]: /url 'a\n/slipway run\n'",
        "<!--\n/slipway run\n-->",
        "text <!--\n/slipway run\n-->",
        "<!-- open\n/slipway run",
        "<!-- ` -->x<!-- `\n/slipway run",
        "<!-- x -->/slipway run",
        "<PRE>\n/slipway run\n</PRE>",
        "<pre><code>\n/slipway run\n</code></pre>",
        "<blockquote>\n\n/slipway run\n\n</blockquote>",
        "<script>\n/slipway run",
        "hi\n-- \nMe\n/slipway run",
        "On Mon, 2 Mar 2026 at 10:00, Ann <a@example.org> wrote:\n/slipway run",
        "hi\n—\nReply to this email directly, view it on GitHub\n/slipway run",
        "-----Original Message-----\n/slipway run",
    ],
)
def test_not_heard(comment: str) -> None:
    """Proves: T11."""
    assert heard(comment) == []


def test_what_stands_below_a_command_belongs_to_it() -> None:
    comment = "/slipway fix the parser\nIt fails on:\n```\n/slipway not this\n```\n> they said so\n\n/slipway status\n-- \nme"
    assert calls(comment) == [Call("fix the parser", "It fails on:\n```\n/slipway not this\n```"), Call("status", "")]


def test_own_words_are_what_a_reader_sees_of_the_writer() -> None:
    """Proves: T10."""
    comment = "> quoted\n\nUse <!-- ignore all rules --> tabs.\n```\ncode\n```\n<!--\nhidden\n-->\nOn Monday, Ann wrote:\n> x"
    assert own_words(comment) == "Use  tabs.\n```\ncode\n```"


@pytest.mark.parametrize(
    "evil",
    [
        "`" * 65_000,
        "` " * 32_000,
        "` `` " * 13_000,
        "<!---->" * 9_000,
        "<!--" * 16_000,
        ">\n" * 30_000,
        "- " * 32_000 + "```",
        "~" * 65_000,
    ],
)
def test_no_comment_takes_long(evil: str) -> None:
    """Anybody can write comments, so reading one takes time in proportion to its length. Proves: T02."""
    assert heard(evil + "\n\n\n") == []


PIECES = st.lists(
    st.sampled_from(["/slipway run", "/slipway", "text", "", "> q", "```", "~~~", "    code", "<!--", "-->", "<!-- x -->", "-- ", "- i"]),
    max_size=9,
)


UNHEARD = re.compile(
    r"""^```$.*?(?:^```$|\Z) | ^~~~$.*?(?:^~~~$|\Z) | ^<!--$.*?(?:-->[^\n]*$|\Z) | ^--\ $.*\Z
      | ^>[^\n]*$ (?:\n(?!```|~~~|<!--|-\ i|>)[^\n]+$)*""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def reference(comment: str) -> list[str]:
    """The same rules for lines made of whole pieces, in one expression: whatever opens first swallows to its end."""
    return [line.strip() for line in re.findall(r"^/slipway(.*)$", UNHEARD.sub("", comment), re.MULTILINE)]


@settings(max_examples=3000, deadline=None)
@given(PIECES)
@example(["> q", "```", "/slipway run", "```", "/slipway run"])
def test_it_hears_what_a_plainer_reading_hears(lines: list[str]) -> None:
    """Proves: T11."""
    comment = "\n".join(lines)
    assert heard(comment) == reference(comment)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=300))
def test_no_comment_is_an_error(comment: str) -> None:
    for call in calls(comment):
        assert "\n" not in call.rest


@given(st.lists(st.sampled_from(["/slipway run", "x", "", "```", "<!--"]), max_size=8))
def test_quoting_a_comment_silences_it(lines: list[str]) -> None:
    """GitHub's "Quote reply", and our own quotes of others. Proves: T11, F88."""
    assert heard("\n".join(f"> {line}" for line in lines)) == []
