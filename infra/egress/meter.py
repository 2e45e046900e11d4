"""Counts the tokens a provider bills, from its answers as they pass: one object a line, or server-sent events. Never trusts the agent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.evidence import Tokens

MOST_LINE = 4 * 1024**2
KINDS = ("input", "written", "output", "thought", "cached")
COUNTED: Mapping[str, str] = {"input": "input", "written": "input", "output": "output", "thought": "output", "cached": "cached"}
"""What was written to a cache was read for the first time: it counts as input, and costs a little more. Thinking is output."""
FIELDS = (
    ("input_tokens", "cache_creation_input_tokens", "output_tokens", "", "cache_read_input_tokens"),  # Anthropic; OpenAI's responses: two
    ("prompt_tokens", "", "completion_tokens", "", ""),  # OpenAI's chat completions
    ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"),  # Gemini
)


@dataclass
class Meter:
    """The usage of one launch: requests let through, answers of the model among them, and tokens by the providers' own words."""

    requests: int = 0
    answered: int = 0
    refused: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    by_model: dict[str, Tokens] = field(default_factory=dict)

    def count(self, model: str, counted: str, number: int) -> None:
        """So many more tokens of a kind, of the model that was asked for."""
        setattr(self, counted, getattr(self, counted) + number)
        before = self.by_model.get(model, Tokens())
        self.by_model[model] = replace(before, **{counted: getattr(before, counted) + number})

    @property
    def tokens(self) -> Tokens:
        """What was used so far."""
        return Tokens(self.input, self.output, self.cached)

    @property
    def total(self) -> int:
        """Tokens that count against a cap."""
        return self.input + self.output


@dataclass
class Reading:
    """One answer being read. Providers repeat and correct usage within an answer: the largest of each kind counts, once."""

    meter: Meter
    model: str = ""
    _rest: bytes = b""
    _skipping: bool = False
    _seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def feed(self, data: bytes) -> None:
        """More of the answer."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._skipping:
                self._line(line)
            self._skipping = False
        if len(self._rest) > MOST_LINE:
            self._rest, self._skipping = b"", True

    def end(self) -> None:
        """The answer is over; it may have been one object on many lines, or without a line's end."""
        self._line(self._rest)

    def whole(self, data: bytes) -> None:
        """An answer that is one JSON document."""
        self._line(data)

    def _line(self, line: bytes) -> None:
        text = line.strip().removeprefix(b"data:").strip()
        if b'"usage' not in text:
            return
        try:
            self._count(json.loads(text))
        except (ValueError, RecursionError):
            return

    def _count(self, value: Any) -> None:
        for usage in _usages(value):
            for fields in FIELDS:
                for kind, name in zip(KINDS, fields, strict=True):
                    self._more(kind, usage.get(name))

    def _more(self, kind: str, count: Any) -> None:
        if isinstance(count, int) and not isinstance(count, bool) and count > self._seen[kind]:
            self.meter.count(self.model, COUNTED[kind], count - self._seen[kind])
            self._seen[kind] = count


def _usages(value: Any) -> list[Mapping[str, Any]]:
    """The usage objects of an event: at its top, in its `message`, in its `response`."""
    parts = value if isinstance(value, list) else [value]
    tops = [part for part in parts if isinstance(part, Mapping)]
    tops += [inner for part in tops for inner in (part.get("message"), part.get("response")) if isinstance(inner, Mapping)]
    found = [top.get(name) for top in tops for name in ("usage", "usageMetadata")]
    return [usage for usage in found if isinstance(usage, Mapping)]
