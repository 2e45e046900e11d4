"""Tells fast that a text has none of many patterns in it, which is so of nearly every text; what may have one is looked at closely.

The patterns are compiled into one automaton by the regular expressions of Rust, which are at hand as a part of pydantic. They take a
hundred literals at once at some hundred megabytes a second; Python's take them one after the other.
"""

from collections.abc import Iterable

from pydantic_core import SchemaError, SchemaValidator, core_schema

TEXT = SchemaValidator(core_schema.str_schema(pattern="^", regex_engine="rust-regex"))
"""Takes every text that can be read at all: one with a lone surrogate cannot."""


class Sieve:
    """Holds back texts with one of `patterns` in them (in Rust's syntax, as far as it agrees with Python's)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._any = _compiled("|".join(dict.fromkeys(patterns)))

    def may_hold(self, text: str) -> bool:
        """False only when no pattern is in `text`; what cannot be told is True."""
        if self._any is None:
            return bool(text)
        return self._any.isinstance_python(text) or not TEXT.isinstance_python(text)


def literal(text: str) -> str:
    """The pattern of exactly this text."""
    return "".join(char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):x}}}" for char in text)


def _compiled(pattern: str) -> SchemaValidator | None:
    """The automaton; None for patterns too large for one. No pattern at all is in no text."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern or r"[^\s\S]", regex_engine="rust-regex"))
    except SchemaError:
        return None
