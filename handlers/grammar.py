"""Which lines of a comment are the writer's own words, and which of those are for us.

A line counts as GitHub shows it: not in a quote (nor in the lines Markdown adds to one), not in a code block, not in an HTML comment
or another element that hides or quotes, and above the footer a mail program put there. Where GitHub and this file could disagree,
this file hears less.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

WORD = "/slipway"

_CALL = re.compile(r"/slipway(?:[ \t]+(.*))?")
_QUOTE = re.compile(r" {0,3}>")
_FENCE = re.compile(r"(?P<base>(?: {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<indent> {0,3})(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_NEW_BLOCK = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|$)|(?:[-*+]|\d{1,9}[.)])[ \t]|<!--|<pre|<script|<style|<blockquote)", re.IGNORECASE)
_TICKS = re.compile("`+")
_FOOTERS = (
    re.compile(r"-- "),  # RFC 3676, section 4.3
    re.compile(r"Reply to this email directly\b.*"),
    re.compile(r"You are receiving this because\b.*"),
    re.compile(r"On .{1,200} wrote:\s*"),
    re.compile(r"-{2,} ?(?:Original Message|Forwarded message) ?-{2,}\s*", re.IGNORECASE),
)
_HIDES = re.compile(r"<!--|<(pre|script|style|textarea|blockquote)(?![a-z0-9-])", re.ASCII | re.IGNORECASE)
_MOST_ELEMENTS = 50


class Kind(Enum):
    """What a line is."""

    OWN = auto()
    CODE = auto()
    QUOTED = auto()
    HIDDEN = auto()
    FOOTER = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in the comment, and what of it is seen (`shown`)."""

    kind: Kind
    raw: str
    shown: str


@dataclass(frozen=True, slots=True)
class Call:
    """A line that is for us: what follows the word, and the writer's lines up to the next call or the end."""

    rest: str
    below: str


@dataclass(slots=True)
class _Reader:
    """Goes through a comment line by line, knowing what it is inside of."""

    fence: str = ""
    base: int = 0
    hidden_until: str = ""
    quoting: bool = False
    footer: bool = False
    lines: list[Line] = field(default_factory=list)

    def read(self, raw: str) -> Line:
        if self.footer:
            return Line(Kind.FOOTER, raw, "")
        if self.fence and not self._left_list(raw):
            self._close_fence(raw)
            return Line(Kind.CODE, raw, raw)
        if self.hidden_until:
            return Line(Kind.HIDDEN, raw, self._shown(raw))
        return self._open(raw)

    def _open(self, raw: str) -> Line:
        if _QUOTE.match(raw):
            self.quoting = True
            return Line(Kind.QUOTED, raw, "")
        if match := _FENCE.match(raw):
            self.quoting, self.fence, self.base = False, match["fence"], len(match["base"])
            return Line(Kind.CODE, raw, raw)
        if self.quoting and raw.strip() and not _NEW_BLOCK.match(raw):
            return Line(Kind.QUOTED, raw, "")
        self.quoting = False
        if any(footer.fullmatch(raw) for footer in _FOOTERS):
            self.footer = True
            return Line(Kind.FOOTER, raw, "")
        return Line(Kind.OWN, raw, self._shown(raw))

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
            out, done = out + text[done:start] + "." * (end - start), end
        at = partner.get(at, at) + 1
    return out + text[done:]


def lines(comment: str) -> Iterator[Line]:
    """Every line of the comment, with what it is. A line ends as in Markdown: at LF, CR LF or CR, and at nothing else."""
    reader = _Reader()
    for raw in comment.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        yield reader.read(raw)


def calls(comment: str) -> list[Call]:
    """The lines that are for us, in order."""
    found: list[tuple[str, list[str]]] = []
    for line in lines(comment):
        match = _CALL.fullmatch(line.shown.rstrip()) if line.kind is Kind.OWN and line.raw.startswith(WORD) else None
        if match:
            found.append(((match[1] or "").strip(), []))
        elif found and line.kind in (Kind.OWN, Kind.CODE):
            found[-1][1].append(line.shown)
    return [Call(rest, "\n".join(below).strip()) for rest, below in found]


def own_words(comment: str) -> str:
    """The comment without quotes, hidden parts and footer."""
    return "\n".join(line.shown for line in lines(comment) if line.kind in (Kind.OWN, Kind.CODE)).strip()
