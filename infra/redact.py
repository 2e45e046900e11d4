"""Keeps secrets out of what is logged, stored and shown: those we know, in any usual encoding, and those that look like one."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import chain
from typing import Any
from urllib.parse import quote

from infra.sieve import Sieve, literal
from jobs.gates.secret_forms import FORMS

MASK = "[redacted]"
SHORTEST = 8
MOST_ADDED = 32
"""Tokens minted while we run are forgotten in turn: they expire, and their form gives them away as well."""
BEGINNING = 40
"""Characters of a secret that are enough to look closely: an automaton of whole tokens takes longer to make than a call to GitHub."""
WINDOW = 1 << 17
LONG = 2 * WINDOW
OVERLAP = 32 * 1024
"""Longer than any secret: how much of a stream is held back until more of it has come."""
COMMON = frozenset(
    ("password", "passw0rd", "changeme", "postgres", "localhost", "username", "production", "development", "undefined", "12345678")
)
"""Values that are no secret even where somebody set them as one: masking them would only make text unreadable."""
NAMES = frozenset(("authorization", "cookie", "password", "private_key", "secret", "token", "x-api-key", "x-hub-signature-256"))
_IN_URL = re.compile(r"://[^/\s:@\"']{0,200}:[^/\s@\"']{1,2000}(?=@)")
_HEADERS = ("uthorization", "UTHORIZATION")
_IN_HEADER = re.compile(r"(?i)uthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,2000}")

LIKE_SECRETS = Sieve([*(literal(mark) for form in FORMS for mark in form.marks), r"://[^/\s:@\x22']*:[^/\s@\x22']+@", *_HEADERS])
Span = tuple[int, int]


class Redactor:
    """Masks secrets in text, bytes, streams and log events. Values may be added at any time, from any thread."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._given = tuple(needle for value in values for needle in _needles(value))
        self._added: tuple[tuple[str, ...], ...] = ()
        self._known = Sieve(map(_beginning, self._given))
        self._learned = Sieve(())

    def add(self, value: str) -> None:
        """Mask `value` and its encodings from now on; short values and common words are left alone."""
        needles = _needles(value)
        if needles and needles not in self._added:
            self._added = (*self._added, needles)[-MOST_ADDED:]
            self._learned = Sieve(map(_beginning, chain(*self._added)))  # apart: the other need not be made anew

    def text(self, text: str) -> str:
        """`text` with every secret masked."""
        return _masked(text, _merged(self._spans(text)))

    def data(self, data: bytes) -> bytes:
        """As `text`, for bytes in any encoding that has ASCII in it."""
        return b"".join(self.stream([data]))

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """As `data`, for bytes that come in pieces: a secret cut by their edges is found."""
        held = ""
        for chunk in chunks:
            for start in range(0, len(chunk), WINDOW):
                held += chunk[start : start + WINDOW].decode("latin-1")
                if len(held) > 2 * OVERLAP:
                    out, held = self._settled(held)
                    yield out.encode("latin-1")
        yield self.text(held).encode("latin-1")

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog, to stand last before the one that writes: what is not plain data is masked as its text."""
        for name, value in event.items():
            event[name] = MASK if name.lower() in NAMES and isinstance(value, str | bytes) else self._inside(value)
        return event

    def _inside(self, value: object) -> object:
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.data(value)
            case dict():
                return {key: MASK if str(key).lower() in NAMES else self._inside(item) for key, item in value.items()}
            case list() | tuple():
                return [self._inside(item) for item in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self.text(str(value))

    def _settled(self, held: str) -> tuple[str, str]:
        """What of a stream cannot change any more, masked; and the rest."""
        spans = _merged(self._spans(held))
        edge = len(held) - OVERLAP
        edge = next((start for start, end in spans if start < edge < end), edge)
        return _masked(held[:edge], [span for span in spans if span[1] <= edge]), held[edge:]

    def _spans(self, text: str) -> Iterator[Span]:
        """Where secrets are. Of a long text only the part around one is looked at closely."""
        if len(text) <= LONG:
            yield from self._near(text)
            return
        for start in range(0, len(text), WINDOW):
            for begin, end in self._near(text[start : start + WINDOW + OVERLAP]):
                yield start + begin, start + end

    def _near(self, text: str) -> Iterator[Span]:
        if self._known.may_hold(text) or self._learned.may_hold(text):
            for needle in chain(self._given, *self._added):
                yield from _found(needle, text)
        if LIKE_SECRETS.may_hold(text):
            for form in FORMS:
                yield from form.spans(text)
            yield from (match.span() for match in _IN_URL.finditer(text))
            yield from (match.span() for mark in _HEADERS for at, _ in _found(mark, text) if (match := _IN_HEADER.match(text, at)))


def _beginning(needle: str) -> str:
    return literal(needle[:BEGINNING])


def _found(needle: str, text: str) -> Iterator[Span]:
    start = text.find(needle)
    while start >= 0:
        yield start, start + len(needle)
        start = text.find(needle, start + 1)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that touch or overlap as one: nothing of a secret is left between two masks."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _masked(text: str, spans: list[Span]) -> str:
    out, at = [], 0
    for start, end in spans:
        out += [text[at:start], MASK]
        at = end
    return "".join([*out, text[at:]])


def _needles(value: str) -> tuple[str, ...]:
    """A secret as it stands and as it may be written: quoted, escaped, encoded at any offset, backwards, line by line."""
    if len(value) < SHORTEST or value.lower() in COMMON or len(set(value)) < 4:
        return ()
    raw = value.encode()
    forms = {
        value,
        raw.decode("latin-1"),
        value[::-1],
        raw.hex(),
        raw.hex().upper(),
        quote(value, safe=""),
        quote(value),
        quote(quote(value, safe=""), safe=""),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
    }
    forms |= {value.encode("unicode_escape").decode(), *_inside_base64(raw)}
    lines = value.splitlines()
    if len(lines) > 1:
        forms |= {line.strip() for line in lines if len(line.strip()) >= 2 * SHORTEST and not line.startswith("-----")}
    return tuple(sorted(form for form in forms if len(form) >= SHORTEST))


def _inside_base64(raw: bytes) -> Iterator[str]:
    """What of the base64 of a longer text depends on `raw` alone, for each of the three offsets it may begin at."""
    for offset in range(3):
        first, whole = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        encoded = base64.b64encode(bytes(offset) + raw).decode()[first:whole]
        if len(encoded) >= 12:
            yield encoded
            yield encoded.replace("+", "-").replace("/", "_")
