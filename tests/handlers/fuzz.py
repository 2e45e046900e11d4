"""`python -m tests.handlers.fuzz --comments 100000 --seed S`: comments by lot, read by us and by a Markdown parser.

The parser (markdown-it: CommonMark with GitHub's tables) is the reference. What it shows at the beginning of a line, outside quotes, code
and elements that hide or quote, may be a command. We may hear less than that and never more, and no comment may be an error.
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from handlers.grammar import WORD, calls, own_words

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = (
    "/slipway run", "/slipway fix the parser", "/slipway", "/slipwayrun", " /slipway run", "    /slipway run", "\t/slipway run",
    "//slipway run", "text", "more text", "", "", "", "> quote", ">", "> /slipway run", ">> deep", "- item", "  - inner", "1. first",
    "10) tenth", "* star", "- > quoted in a list", "    > deeper", "- ```", "  ```", "```", "````", "```python", "~~~", "~~~~", "    code",
    "\tcode", "`", "``", "a ` b", "` `` `", "<!--", "-->", "<!-- x -->", "<!---->", "<!-->", "<pre>", "</pre>", "<PRE>", "<script>",
    "</script>", "<blockquote>", "</blockquote>", "<details>", "</details>", "<b", 'title="', '">', "<a href='", "'>", "<div>", "</div>",
    "<textarea>", "</textarea>", "<style>", "</style>", "# head", "===", "---", "***", "| a | b |", "|---|---|", "[x]: /url",
    "[x]: /url 'title", "![alt", "](url)", "[link", "\\", "&lt;!--", "\u200b/slipway run", "/slipway\u00a0run", "\u2028/slipway run",
    "\x0b/slipway run", "\x00", "ünïcödé", "😀", "-- ", "--", "Sent from my phone",
)  # fmt: skip
TAGS = re.compile(r"""<!-->|<!--->|<!--.*?(?:-->|\Z)|</?[a-z][^\s/>]*(?:"[^"]*"|'[^']*'|[^>"'])*>""", re.DOTALL | re.IGNORECASE)
HIDES = re.compile(r"<(/?)(pre|script|style|textarea|blockquote)(?![a-z0-9-])", re.IGNORECASE)


@dataclass
class Disagreement:
    """We heard something the reference does not show."""

    comment: str
    heard: Sequence[str]
    shown: Sequence[str]


@dataclass
class Found:
    """What came of them."""

    comments: int = 0
    heard: int = 0
    shown: int = 0
    wrong: list[Disagreement] = field(default_factory=list)


def comment(dice: random.Random) -> str:
    """Lines by lot, most of them whole, some with something at the end or joined by another line break."""
    parts = [dice.choice(PIECES) + (dice.choice(PIECES) if dice.random() < 0.15 else "") for _ in range(dice.randint(1, 9))]
    return dice.choice(("\n", "\n", "\n", "\r\n", "\r")).join(parts)


def shown(text: str) -> list[str]:
    """The lines that begin with our word where the reference shows them."""
    found: list[str] = []
    quotes, hidden, outside = 0, "", [""]
    for token in MARKDOWN.parse(text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ".")):
        if token.type == "blockquote_open":
            quotes, outside = quotes + 1, [*outside, hidden]
        elif token.type == "blockquote_close":  # what a quote opens ends with it
            quotes, hidden = quotes - 1, outside.pop()
        if token.type == "html_block":
            visible, hidden = _visible(token.content, hidden)
        elif token.type == "inline":
            visible, hidden = _visible("".join(_pieces(token.children or ())), hidden)
        else:
            continue
        found += [line for line in visible.split("\n") if not quotes and re.match(rf"{WORD}(?:[ \t\0]|$)", line)]
    return found


def _pieces(children: Iterable[Token]) -> Iterator[str]:
    """A paragraph as HTML would have it: text, line breaks and tags; a dot for code."""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield "\n"
        elif child.type == "text":
            yield child.content.replace("<", "‹").replace("\0", ".")
        elif child.type == "html_inline":
            yield child.content
        elif child.type == "image":
            yield from _pieces(child.children or ())
        elif child.content:
            yield "."


def _next(html: str, at: int, hidden: str) -> re.Match[str] | None:
    """The next tag or comment; inside of an element that hides, only its end counts."""
    return re.compile(rf"</{hidden}[^>]*>?", re.IGNORECASE).search(html, at) if hidden else TAGS.search(html, at)


def _visible(html: str, hidden: str) -> tuple[str, str]:
    """What of some HTML is shown, each tag and hidden part as a NUL, and the element that hides what follows."""
    out, at = "", 0
    while tag := _next(html, at, hidden):
        out += "" if hidden else html[at : tag.start()]
        out, at = f"{out}\0", tag.end()
        hides = HIDES.match(tag[0])
        if hides and not hidden and not hides[1]:
            hidden = hides[2].lower()
        elif hides and hides[1] and hides[2].lower() == hidden:
            hidden = ""
    return out + ("" if hidden else html[at:]), hidden


def compare(text: str, found: Found) -> None:
    """Read it both ways."""
    heard, visible = [f"{WORD} {call.rest}".strip() for call in calls(text)], shown(text)
    own_words(text)
    found.comments += 1
    found.heard += len(heard)
    found.shown += len(visible)
    if not _within(heard, visible):
        found.wrong.append(Disagreement(text, heard, visible))


def _within(heard: Sequence[str], visible: Sequence[str]) -> bool:
    """Whether each call we hear is one that is shown, in the same order; how it goes on may look different where it is formatted."""
    left: Iterator[str] = iter(visible)
    return all(any(line.replace("\0", " ").split()[:1] == call.split()[:1] for line in left) for call in heard)


def fuzz(comments: int, seed: int) -> Found:
    """So many comments."""
    found, dice = Found(), random.Random(seed)
    for _ in range(comments):
        compare(comment(dice), found)
    return found


def main() -> int:
    """Read them and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--comments", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    began = time.monotonic()
    found = fuzz(given.comments, given.seed)
    print(f"seed        {given.seed}")
    print(f"comments    {found.comments}, with {found.heard} commands heard of {found.shown} lines the reference shows")
    print(f"problems    {len(found.wrong)}", *found.wrong[:8], sep="\n            ")
    print(f"took        {time.monotonic() - began:.0f} s")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
