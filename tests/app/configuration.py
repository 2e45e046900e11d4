"""Writes docs/configuration.md from the models that read the configuration: `python -m tests.app.configuration`."""

import types
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.server_file import ServerFile
from app.settings import FIELDS, SECRET, Settings
from app.wording import duration
from jobs import units
from jobs.rules import FlowRule, Rules

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
INTERNAL = {"gates_policy", "from_file", "templates"}
MEANT: Mapping[str, str] = {
    "SLIPWAY_DATABASE_URL": "where the store is; without it SQLite in the data directory. PostgreSQL: `postgresql+psycopg://…`",
    "SLIPWAY_REDIS_URL": "a Redis of your own; without it `slipway up` starts one in the data directory",
    "SLIPWAY_BIND": "the address the web role listens on",
    "SLIPWAY_PUBLIC_URL": "where people and GitHub reach the service; with it, everybody needs a token",
    "SLIPWAY_WEBHOOK_SECRETS": "one or two webhook secrets of at least 32 bytes, separated by a comma; two while one is exchanged",
    "SLIPWAY_GITHUB_APP_ID": "the id of the GitHub App",
    "SLIPWAY_GITHUB_PRIVATE_KEY": "its private key, the whole `.pem`",
    "SLIPWAY_GITHUB_API_URL": "GitHub's API; of an Enterprise Server: `https://HOST/api/v3`",
    "SLIPWAY_GITHUB_URL": "GitHub itself, for git and links",
    "SLIPWAY_SIGNING_KEY": "an Ed25519 key of OpenSSH, without a passphrase, that every commit is signed with; its file has the mode 0600",
    "SLIPWAY_GITHUB_CLIENT_ID": "the App's client id, for signing in with GitHub; that also needs `SLIPWAY_PUBLIC_URL`",
    "SLIPWAY_GITHUB_CLIENT_SECRET": "its secret",
    "SLIPWAY_API_TOKENS": "tokens of API and dashboard, by comma: `token:read` may look, `token:run` also act on runs, `token` anything",
    "SLIPWAY_CALLBACK_SECRETS": "one or two `whsec_…` secrets that callbacks are signed with",
    "SLIPWAY_CALLBACK_ALLOW_HOSTS": "`host:port` of receivers that callbacks may reach although the address is not public",
    "ANTHROPIC_API_KEY": "key of the model provider; the broker adds it, no agent sees it",
    "CLAUDE_CODE_OAUTH_TOKEN": "the same, for a subscription",
    "OPENAI_API_KEY": "as above",
    "GEMINI_API_KEY": "as above",
    "SLIPWAY_ANTHROPIC_URL": "where requests to that provider go",
    "SLIPWAY_OPENAI_URL": "as above",
    "SLIPWAY_GEMINI_URL": "as above",
    "SLIPWAY_LOG_LEVEL": "`debug`, `info`, `warning` or `error`",
    "SLIPWAY_LOG_FORMAT": "`json` or `text`; text on a terminal when it is not set",
}
HEAD = """# Configuration

Made from the models that read it; a test holds this page equal to them. `slipway validate` checks a repository's file, `slipway
doctor` an installation, `slipway schema config` prints the JSON Schema for an editor.

Durations are seconds or like `90s`, `15m`, `2h`, `1d`; sizes are bytes or like `500kb`, `1mb`, `2mib`. Unknown keys are errors.
"""


def page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        _environment(),
        _section("Repository: `.github/slipway.yml`", _repository()),
        _section("Server file: `SLIPWAY_CONFIG`", _server()),
    ]
    return "\n".join(parts)


def _environment() -> str:
    lines = [
        "## Environment",
        "",
        "The environment wins over the data directory's `credentials`, and those over `[settings]` of the server file.",
        "",
    ]
    lines += ["| variable | what it is | default |", "|---|---|---|"]
    lines += [
        "| `SLIPWAY_DATA_DIR` | where everything is kept | `~/.local/share/slipway` |",
        "| `SLIPWAY_CONFIG` | the server file | none |",
    ]
    for variable, name in FIELDS.items():
        also = f"; also `{variable}_FILE`" if variable in SECRET else ""
        lines.append(f"| `{variable}` | {MEANT[variable]}{also} | {_default(Settings.model_fields[name])} |")
    return "\n".join([*lines, ""])


def _section(title: str, body: Iterator[str]) -> str:
    return "\n".join([f"## {title}", "", *body, ""])


def _repository() -> Iterator[str]:
    yield "Read from the default branch, never from a pull request's head. Without the file these defaults apply."
    yield ""
    yield "An owner can have the same file in the repository `<owner>/.github`: it counts for all of theirs, below their own files and"
    yield "above the server file's defaults. A push to it counts at once; where no webhook tells of it, within five minutes, or within"
    yield "six hours where there was nothing before. Mappings are merged, lists replaced whole; each file has to be right by itself."
    yield ""
    yield from _tables(Rules, {FlowRule})


def _server() -> Iterator[str]:
    yield "What the operator decides for every repository: defaults below its file, floors it cannot lower, and which keys it may set."
    yield ""
    yield from _tables(ServerFile, set())


def _tables(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """A table for a model, then one for each model in it that was not told yet."""
    waiting, told = [(model, "")], set[type[BaseModel]]()
    while waiting:
        one, prefix = waiting.pop(0)
        if one in told:
            continue
        told.add(one)
        if prefix:
            yield from (f"### `{prefix}`", "", (one.__doc__ or "").partition("\n")[0], "")
        yield from ("| key | value | default |", "|---|---|---|")
        yield from (f"| `{name}` | {_kind(info)} | {_default(info)} |" for name, info in one.model_fields.items() if name not in INTERNAL)
        yield ""
        waiting += [
            (inner, f"{prefix}.{name}".strip("."))
            for name, info in one.model_fields.items()
            if name not in INTERNAL
            for inner in _models(info.annotation)
        ]


def _models(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [found for part in get_args(kind) for found in _models(part)]


def _kind(info: FieldInfo) -> str:
    return _measure(info.metadata) or _named(info.annotation)


def _measure(metadata: Any) -> str:
    checks = [getattr(one, "func", None) for one in metadata]
    return "duration" if units.seconds in checks else "size" if units.octets in checks else ""


def _named(kind: Any) -> str:
    if hasattr(kind, "__metadata__"):
        return _measure(kind.__metadata__) or _named(kind.__origin__)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return " or ".join(f"`{part}`" for part in parts or kind)
    if origin in (Union, types.UnionType):
        return _named(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        return f"list of {_named(parts[0])}"
    if origin is dict:
        return f"{_named(parts[0])} → {_named(parts[1])}"
    names = {
        str: "text",
        int: "number",
        float: "number",
        bool: "`true` or `false`",
        Path: "path",
        Any: "anything",
        types.NoneType: "nothing",
    }
    return names.get(kind, "mapping" if isinstance(kind, type) and issubclass(kind, BaseModel) else "value")


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, BaseModel):
        return "as below"
    if value is None or value in ("", (), {}):
        return "none"
    if _measure(info.metadata):
        return duration(value).replace(".0 s", " s") if _measure(info.metadata) == "duration" else _size(value)
    return ", ".join(f"`{one}`" for one in _listed(value))


def _size(value: int) -> str:
    return f"{value // 2**20:,} MiB" if value % 2**20 == 0 else f"{value / 1e6:g} MB"


def _listed(value: object) -> list[object]:
    if isinstance(value, dict):
        return [f"{key}: {one}" for key, one in value.items()]
    if isinstance(value, bool):
        return [str(value).lower()]
    return list(value) if isinstance(value, tuple) else [value]


if __name__ == "__main__":
    PAGE.write_text(page())
