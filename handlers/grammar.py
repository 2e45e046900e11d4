"""Which lines of a comment are the writer's own words, and which of those are for us.

A line counts as GitHub shows it: not in a quote (nor in the lines Markdown adds to one), not in a code block, not in an HTML comment
or another element that hides or quotes, and above the footer a mail program put there. Where GitHub and this file could disagree,
this file hears less.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import groupby

WORD = "/slipway"

_BEGINS = re.compile(r"/slipway(?:[ \t]|$)")
_CALL = re.compile(r"/slipway(?:[ \t]+(.*))?")
_QUOTE = re.compile(r"(?:[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+)*[ \t]*>")
_FENCE = re.compile(r"(?P<base>(?: {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<indent> {0,3})(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_NEW_BLOCK = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|$)|(?:[-*+]|\d{1,9}[.)])[ \t]|<!--|<pre|<script|<style|<blockquote)", re.IGNORECASE)
_HTML = re.compile(r" {0,3}</?[A-Za-z]", re.ASCII)
_TICKS = re.compile("`+")
_TAG = re.compile(r"""</?[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*\s*/?>""", re.ASCII)
_FOOTERS = (
    re.compile(r"-- "),  # RFC 3676, section 4.3
    re.compile(r"Reply to this email directly\b.*"),
    re.compile(r"You are receiving this because\b.*"),
    re.compile(r"On .{1,200} wrote:\s*"),
    re.compile(r"-{2,} ?(?:Original Message|Forwarded message) ?-{2,}\s*", re.IGNORECASE),
)
_HIDES = re.compile(r"<!--|<(pre|script|style|textarea|blockquote)(?![a-z0-9-])", re.ASCII | re.IGNORECASE)
_UNSEEN = re.compile(r"(?:</?[A-Za-z][^<>\n]*|^ {0,3}\[[^\]\n]+\]:[^\n]*)\n(?s:.*)", re.MULTILINE)
"""A tag that its line does not close, or a link's definition: the rest of the paragraph may be attributes, or a title nobody sees."""
_MOST_ELEMENTS = 50
_NOT_A_BREAK = re.compile(r"[^\n]")


class Kind(Enum):
    """What a line is."""

    OWN = auto()
    CODE = auto()
    QUOTED = auto()
    HIDDEN = auto()
    FOOTER = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in the comment, and what of it is seen (`shown`). `sure` is False where a tag may have swallowed it."""

    kind: Kind
    raw: str
    shown: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """A line that is for us: what follows the word, and the writer's lines up to the next call or the end."""

    rest: str
    below: str


@dataclass(slots=True)
class _Reader:
    """Goes through a comment line by line, knowing what it is inside of.

    With `listed` an indented fence is taken to be in a list item, which ends it at a line that is less indented. `html` says that a tag
    began a line of this paragraph: no command is heard in it, and what looks like a fence or a quote there may be none, so that what hides
    in it counts. `ghost` is a fence inside of what hides, which counts if that ends sooner than it seems; `astray` says that a comment was
    opened within a line, and may be none if its paragraph does not close it: what it swallowed hides then.
    """

    listed: bool = False
    fence: str = ""
    base: int = 0
    hidden_until: str = ""
    html: bool = False
    ghost: str = ""
    astray: bool = False
    swallowed: str = ""
    quoting: bool = False
    footer: bool = False
    lines: list[Line] = field(default_factory=list)

    def read(self, raw: str) -> Line:
        if self.footer:
            return Line(Kind.FOOTER, raw, "")
        if self.fence and not self._left_list(raw):
            if self.html:
                self._shown(raw)
            self._close_fence(raw)
            return Line(Kind.CODE, raw, raw)
        if self.hidden_until:
            return self._hidden(raw)
        return self._open(raw)

    def _hidden(self, raw: str) -> Line:
        element = self.hidden_until != "-->"
        inside = next(filter(None, _HIDES.findall(raw)), "") if self.astray else ""
        line = Line(Kind.HIDDEN, raw, self._shown(raw))
        self.swallowed = f"</{inside.lower()}" if inside else self.swallowed
        if not self.hidden_until:
            self.hidden_until, self.swallowed = self.swallowed, ""
        if element and (match := _FENCE.match(raw)):
            self.ghost = "" if self.ghost and match["fence"].startswith(self.ghost) else self.ghost or match["fence"]
        if not self.hidden_until:
            self.fence, self.base, self.ghost = self.ghost, 0, ""
        return line

    def _open(self, raw: str) -> Line:
        self.html = bool(raw.strip()) and (self.html or bool(_HTML.match(raw)))
        if _QUOTE.match(raw):
            self.quoting = True
            if self.html:
                self._shown(raw)
            return Line(Kind.QUOTED, raw, "")
        if match := _FENCE.match(raw):
            self.quoting, self.fence = False, match["fence"]
            self.base = len(match["base"]) + (len(match["indent"]) if self.listed else 0)
            return Line(Kind.CODE, raw, raw)
        if self.quoting and raw.strip() and not _NEW_BLOCK.match(raw):
            self._shown(raw)  # an empty quote is not continued: what this line opens may be outside of it
            return Line(Kind.QUOTED, raw, "")
        self.quoting = False
        if any(footer.fullmatch(raw) for footer in _FOOTERS):
            self.footer = True
            return Line(Kind.FOOTER, raw, "")
        line = Line(Kind.OWN, raw, self._shown(raw), sure=not self.html)
        self.astray = self.hidden_until == "-->" and not raw.lstrip(" ").startswith("<!--")
        return line

    def _left_list(self, raw: str) -> bool:
        """A fence inside a list item ends with the item: at a line that is less indented."""
        if self.base and raw.strip() and len(raw) - len(raw.lstrip(" \t")) < self.base:
            self.fence = ""
        return not self.fence

    def _close_fence(self, raw: str) -> None:
        mark = raw.strip(" \t")
        indent = len(raw) - len(raw.lstrip(" "))
        if mark.startswith(self.fence) and set(mark) == {self.fence[0]} and indent <= self.base + 3:
            self.fence = ""

    def _shown(self, raw: str) -> str:
        """What of the line is outside every hiding element; remembers one that stays open."""
        shown, left = "", raw
        for _ in range(_MOST_ELEMENTS):
            if self.hidden_until:
                end = re.search(self.hidden_until, left, re.ASCII | re.IGNORECASE)
                if end is None:
                    return shown
                left = left[end.end() :]
            before, self.hidden_until, left = _hiding(left)
            shown += before
            if not left:
                return shown
        return shown


def _hiding(text: str) -> tuple[str, str, str]:
    """The text before the first hiding element, what ends that element, and the rest; inline code hides nothing."""
    match = _HIDES.search(_without_code(text))
    if match is None:
        return text, "", ""
    before, after = text[: match.start()], text[match.end() :]
    if match[1]:
        return before, f"</{match[1].lower()}", after
    if after.startswith((">", "->")):  # `<!-->` is a whole comment, by CommonMark and by HTML
        return before, "", after[after.index(">") + 1 :]
    return before, "-->", after


def _without_code(text: str) -> str:
    """The text with every code span blanked out, in linear time whatever the backticks are."""
    runs = list(_TICKS.finditer(text))
    partner: dict[int, int] = {}
    seen: dict[int, int] = {}
    for at in range(len(runs) - 1, -1, -1):
        length = len(runs[at][0])
        if length in seen:
            partner[at] = seen[length]
        seen[length] = at
    out, done, at = "", 0, 0
    while at < len(runs):
        if at in partner:
            start, end = runs[at].start(), runs[partner[at]].end()
            out, done = out + text[done:start] + _NOT_A_BREAK.sub(".", text[start:end]), end
        at = partner.get(at, at) + 1
    return out + text[done:]


def lines(comment: str, *, listed: bool = False) -> Iterator[Line]:
    """Every line of the comment, with what it is. A line ends as in Markdown: at LF, CR LF or CR, and at nothing else."""
    reader = _Reader(listed)
    for raw in comment.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        yield reader.read(raw)


def calls(comment: str) -> list[Call]:
    """The lines that are for us, in order."""
    found: list[tuple[str, list[str]]] = []
    read = list(lines(comment))
    doubted = _for_us(list(lines(comment, listed=True)))
    for line, ours, surely in zip(read, _for_us(read), doubted, strict=True):
        match = _CALL.fullmatch(line.shown.rstrip()) if ours and surely else None
        if match:
            found.append(((match[1] or "").strip(), []))
        elif found and line.kind in (Kind.OWN, Kind.CODE):
            found[-1][1].append(line.shown)
    return [Call(rest, "\n".join(below).strip()) for rest, below in found]


def _for_us(read: list[Line]) -> Iterator[bool]:
    """Whether each line begins with our word, in the writer's own text."""
    for line, plain in zip(read, _plain(read), strict=True):
        yield line.kind is Kind.OWN and line.sure and bool(_BEGINS.match(plain)) and bool(_CALL.fullmatch(line.shown.rstrip()))


def _plain(read: list[Line]) -> Iterator[str]:
    """Each line as it stands, but for code and tags: both may go from one line to the next, and what seems quoted may be one."""
    for own, group in groupby(read, key=lambda line: line.kind in (Kind.OWN, Kind.QUOTED) and bool(line.raw.strip())):
        raw = [line.raw for line in group]
        if own:
            whole = _TAG.sub(_blank, _without_code("\n".join(raw)))
            yield from _UNSEEN.sub(_blank, whole).split("\n")
        else:
            yield from ("" for _ in raw)


def _blank(match: re.Match[str]) -> str:
    return _NOT_A_BREAK.sub(".", match[0])


def own_words(comment: str) -> str:
    """The comment without quotes, hidden parts and footer."""
    return "\n".join(line.shown for line in lines(comment) if line.kind in (Kind.OWN, Kind.CODE)).strip()
