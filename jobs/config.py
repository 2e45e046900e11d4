"""Reads `.github/slipway.yml` text into `Rules`, naming the line of every mistake in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from jobs.rules import Rules

PATH = ".github/slipway.yml"
MOST_BYTES = 64 * 1024
HOME = ".github"
"""The repository of an owner whose configuration counts below that of each of theirs."""
SERVER = "the server file"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a configuration, and where (1-based line; 0 when it is nowhere in particular).

    `home` names what else than the repository's own file is to be corrected: the full name of the repository its owner keeps the file of
    all in, or `SERVER` for what the operator has for all.
    """

    line: int
    key: str
    text: str
    home: str = ""

    @property
    def here(self) -> bool:
        """Whether it is in the repository's own file."""
        return not self.home

    @property
    def said(self) -> str:
        """What is wrong, for whoever knows which file it is in."""
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.key + ': ' if self.key else ''}{self.text}"

    def __str__(self) -> str:
        return f"{self.home}{', ' if self.line else ': '}{self.said}" if self.home else self.said


class ConfigInvalid(ValueError):
    """The configuration cannot be used; `mistakes` names every error with its place, from the top of the file to its end."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
        super().__init__("\n".join(map(str, self.mistakes)))


def read(text: str) -> Rules:
    """The rules a configuration file states. Raises ConfigInvalid with every mistake."""
    node = _compose(text)
    if node is None:
        return Rules(from_file=True)
    data = yaml.safe_load(text)
    if not isinstance(data, dict):
        raise ConfigInvalid([Mistake(1, "", "the file has to be a mapping of keys, like 'version: 1'")])
    hidden = {"gates_policy", "from_file", "templates"} & data.keys()
    mistakes = [Mistake(_line(node, (key,)), key, "unknown key") for key in sorted(hidden)]
    try:
        rules = Rules.model_validate({**data, "from_file": True})
    except ValidationError as error:
        mistakes += [_mistake(node, detail) for detail in error.errors(include_url=False)]
        raise ConfigInvalid(mistakes) from error
    if mistakes:
        raise ConfigInvalid(mistakes)
    return rules


def _compose(text: str) -> yaml.Node | None:
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise ConfigInvalid([Mistake(0, "", f"the file is larger than {MOST_BYTES} bytes")])
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken):
                raise ConfigInvalid([Mistake(token.start_mark.line + 1, "", "anchors and aliases are not allowed")])
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, ConfigInvalid):
            raise
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "the file cannot be read as YAML"
        raise ConfigInvalid([Mistake(mark.line + 1 if mark else 0, "", str(problem))]) from error
    duplicates = list(_duplicates(node)) if node is not None else []
    if duplicates:
        raise ConfigInvalid(duplicates)
    return node


def _duplicates(node: yaml.Node) -> Iterator[Mistake]:
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if key.value in keys:
                yield Mistake(key.start_mark.line + 1, str(key.value), "the key stands twice")
            keys.add(key.value if isinstance(key.value, str) else None)
            yield from _duplicates(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicates(value)


def _mistake(node: yaml.Node, detail: Any) -> Mistake:
    location = tuple(part for part in detail["loc"] if part != "function-before")
    text = {"extra_forbidden": "unknown key", "missing": "a value is needed here"}.get(detail["type"], detail["msg"])
    return Mistake(_line(node, location), ".".join(map(str, location)), text.removeprefix("Value error, "))


def _line(node: yaml.Node, location: tuple[Any, ...]) -> int:
    """The line of the innermost part of `location` that is in the file."""
    line = node.start_mark.line + 1
    for part in location:
        found = _child(node, part)
        if found is None:
            break
        mark, node = found
        line = mark.line + 1
    return line


def _child(node: yaml.Node, part: Any) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if str(key.value) == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None
