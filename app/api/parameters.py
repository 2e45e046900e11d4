"""Query parameters: each value reads what was sent, refuses what it does not mean, and is printed in the document as it is checked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.api.problems import Problem


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    name: str
    says: str
    words: tuple[str, ...]
    default: None = None

    @property
    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        return {"type": "string", "enum": list(self.words)}

    def read(self, text: str) -> str:
        """The word. Raises Problem 400."""
        if text not in self.words:
            raise Problem(400, f"There is no {self.name} {text!r}. It is one of {', '.join(self.words)}.")
        return text


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that looks like `example`, by a pattern that has to match the whole of it."""

    name: str
    says: str
    pattern: str
    example: str
    default: None = None

    @property
    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        return {"type": "string", "pattern": f"^{self.pattern}$"}

    def read(self, text: str) -> str:
        """The text. Raises Problem 400."""
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise Problem(400, f"The parameter {self.name!r} has to look like {self.name}={self.example}.")
        return text


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from `least` to `most`; `default` when nothing was sent."""

    name: str
    says: str
    least: int
    most: int
    default: int

    @property
    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most, "default": self.default}

    def read(self, text: str) -> int:
        """The number. Raises Problem 400: a page larger than `most` is refused and not cut, so that nobody takes it for all there is."""
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
        if not self.least <= number <= self.most:
            raise Problem(400, f"The parameter {self.name!r} has to be a whole number from {self.least} to {self.most}.")
        return number


Parameter = Choice | Pattern | Number


def read(parameters: Sequence[Parameter], sent: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What was sent, by name, with the defaults of what was not. Raises Problem 400 for a name nobody knows or that is there twice."""
    known = {one.name: one for one in parameters}
    values: dict[str, Any] = {}
    for name, text in sent:
        if name not in known:
            knows = f"It knows {', '.join(known)}." if known else "It knows none."
            raise Problem(400, f"This address has no parameter {name!r}. {knows}")
        if name in values:
            raise Problem(400, f"The parameter {name!r} is there twice. Leave one out.")
        values[name] = known[name].read(text)
    return {**{name: one.default for name, one in known.items()}, **values}
