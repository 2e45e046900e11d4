"""What goes into a launch as `$SLIPWAY_BRIEF`, and what may come out of it as `$SLIPWAY_RESULT`."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobs.evidence import Tokens
from jobs.ports import Brief

MOST_BYTES = 256 * 1024


def _whole(value: object) -> object:
    """JSON does not tell 5 from 5.0, and neither does its schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=10**12), BeforeValidator(_whole)]
Money = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]


class BadResult(ValueError):
    """The result document cannot be used; the text says why and fits into a sentence."""


class TokensUsed(BaseModel):
    """Model tokens by kind."""

    model_config = ConfigDict(strict=True, frozen=True)

    input: Count = 0
    output: Count = 0
    cached: Count = 0


class Result(BaseModel):
    """What an agent may say about its work. Every key may be left out; keys that are not named here are not looked at.

    `decision` is a reviewer's `approve` or `reject`. `tokens` is a number, or the numbers by kind.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    summary: str = ""
    decision: str | None = None
    title: str = ""
    body: str = ""
    tokens: Count | TokensUsed | None = None
    cost_usd: Money | None = None
    questions: tuple[str, ...] = ()

    @property
    def used(self) -> Tokens | None:
        """The tokens as evidence; a bare number is taken for input."""
        if isinstance(self.tokens, TokensUsed):
            return Tokens(self.tokens.input, self.tokens.output, self.tokens.cached)
        return None if self.tokens is None else Tokens(self.tokens)


def read(data: bytes) -> Result:
    """The document in `data`. Raises BadResult."""
    try:
        text = data.decode("utf-8-sig")
        if not isinstance(json.loads(text), dict):
            raise BadResult("it is not a JSON object")
        return Result.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadResult(f"{_place(first['loc']) or 'the document'}: {first['msg']}") from error
    except BadResult:
        raise
    except (ValueError, RecursionError) as error:
        raise BadResult("it is not JSON") from error


def _place(parts: Iterable[object]) -> str:
    """Where in the document: keys and places in lists, without the names of our own types in between."""
    return ".".join(str(part) for part in parts if isinstance(part, int) or (str(part).islower() and str(part).isidentifier()))


def brief_of(brief: Brief) -> str:
    """The brief as the document an agent reads."""
    told: dict[str, Any] = asdict(brief)
    task = {name: told.pop(name) for name in ("title", "body", "instructions")}
    return json.dumps({"version": 1, "task": task, **told}, ensure_ascii=False, indent=1, default=str)
