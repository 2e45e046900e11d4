"""Text somebody else wrote, made fit for where it goes: a prompt, a Markdown page of ours, a line of a log.

Nothing here parses Markdown or HTML: a parser of ours and the one that shows the page would disagree somewhere, and that is where an
attack would live. Characters a person cannot see are taken out by what Unicode says they are; characters that would *do* something on a
page (mention, close, link, embed, command) are replaced by their full-width look-alikes, in code as well as in prose.
Doing it twice changes nothing more.
"""

import re
import unicodedata

MOST_MARKS = 4
"""Combining marks kept on one character: enough for every script in use, too few to climb over the neighbouring lines."""

_ANSI = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")
_COMMENT = re.compile(r"<!--(?:>|->|.*?(?:--!?>|\Z))", re.DOTALL)
_NOWHERE = re.compile(r"^ {0,3}\[[^\]\n]{0,80}\]:[ \t]*(?:#|<>)(?:[ \t].*)?$", re.MULTILINE)
_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_MOST_FENCE = 12
_LONG_FENCE = re.compile(r"(`{13,}|~{13,})")
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})(.*)")
_BLANK = frozenset(
    (
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180B,
        0x180C,
        0x180D,
        0x180F,
        0x2800,
        0x3164,
        0xFFA0,
        0x1D159,
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
"""Letters, marks and symbols by category that show nothing: fillers, joiners, variation selectors."""

_ACTIVE = (
    (re.compile(r"@(?=\w)"), "＠"),  # a mention, or an address
    (re.compile(r"#(?=\d)"), "＃"),  # `fixes #1`, `owner/repository#1`
    (re.compile(r"\b(GH)-(?=\d)", re.IGNORECASE), "\\1‑"),
    (re.compile(r"<(?=[A-Za-z/!?])"), "＜"),  # a tag, a comment (our marker), an autolink
    (re.compile(r"&(?=#?\w+;)"), "＆"),  # any of the others, written as an entity
    (
        re.compile(r":(?=\\?/\\?/)|(?<=mailto):|(?<=mailto\\):|(?<=xmpp):|(?<=xmpp\\):", re.IGNORECASE),
        "：",
    ),  # an address that links itself, escaped or not
    (re.compile(r"\b(www\\?)\.", re.IGNORECASE), "\\1．"),
    (re.compile(r"\](?=[(:])"), "] "),  # `[text](target)`, `![alt](target)`, `[name]: target`
    (re.compile(r"\[!"), "[！"),  # a box that warns in our name: `> [!CAUTION]`
    # a command to us, or to another bot
    (re.compile(r"^([ \t>*+-]*)/(?=slipway\b|[a-z][a-z-]*(?:[ \t]|$))", re.IGNORECASE | re.MULTILINE), "\\1／"),
)


def visible(text: str) -> str:
    """`text` without terminal sequences and without characters that have no shape of their own."""
    plain = _NEWLINES.sub("\n", _ANSI.sub("", text))
    out: list[str] = []
    marks = 0
    for char in plain:
        if char in "\n\t":
            out.append(char)
        elif not _shown(char):
            continue
        elif unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks <= MOST_MARKS:
                out.append(char)
            continue
        else:
            out.append(" " if char.isspace() else char)
        marks = 0
    return "".join(out)


def for_prompt(text: str) -> str:
    """What a person sees of `text` on a page: as `visible`, and without HTML comments and link definitions that lead nowhere."""
    shown = visible(text)
    return _NOWHERE.sub("", _COMMENT.sub(" ", shown))


def for_markdown(text: str, most: int) -> str:
    """`text` as Markdown that formats but does nothing: no mention, reference, closing word, link, image, HTML or command.

    At most `most` bytes, and no code block left open that would swallow what we write after it.
    """
    shown = for_prompt(text)
    for pattern, harmless in _ACTIVE:
        shown = pattern.sub(harmless, shown)
    closed = _closed(_short(shown))
    return closed if len(closed.encode()) <= most else _closed(cut(_short(shown), most - _MOST_FENCE - 1))


def for_log(text: str) -> str:
    """`text` on one line; whatever moves the cursor or cannot be seen is written as an escape."""
    return "".join(char if _shown(char) else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text)


def for_judging(text: str) -> str:
    """`text` line by line with nothing left out: what cannot be seen is written as an escape, so that it can be found fault with."""
    return "\n".join("\t".join(map(for_log, line.split("\t"))) for line in text.split("\n"))


def cut(text: str, most_bytes: int) -> str:
    """At most `most_bytes` bytes of UTF-8, ending on a whole character, and in `…` when something is missing."""
    data = text.encode(errors="replace")
    if len(data) <= most_bytes:
        return data.decode()
    return data[: max(0, most_bytes - 3)].decode(errors="ignore") + "…" if most_bytes >= 3 else ""


def fenced(text: str, most: int) -> str:
    """`text` verbatim, but for what cannot be seen, in a code block no run of backticks in it can end. At most `most` bytes."""
    shown = _short(visible(text)).strip("\n")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{cut(shown, max(0, most - 2 * len(fence) - 2))}\n{fence}"


def _short(text: str) -> str:
    """`text` without runs of fence characters so long that closing them would cost real space."""
    return _LONG_FENCE.sub(lambda run: run[0][:_MOST_FENCE], text)


def _shown(char: str) -> bool:
    """Whether a character has a shape: not a control, format, private, unassigned or lone surrogate one, and not a blank."""
    if char.isascii():
        return char.isprintable()
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and ord(char) not in _BLANK


def _closed(text: str) -> str:
    """Every code fence at the left edge, where all renderers agree about it, and the last one closed."""
    lines, fence = [], ""
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if not match:
            lines.append(line)
        elif not fence:
            fence = match[1]
            lines.append(fence + match[2])
        elif match[1].startswith(fence) and not match[2].strip():
            fence = ""
            lines.append(match[1])
        else:
            lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)
