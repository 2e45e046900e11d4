"""How durations, sizes and names are written in a configuration, and what they mean."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def seconds(value: object) -> object:
    """`15m` → 900.0; plain numbers are seconds. Raises ValueError on anything else that is text."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value)
    if not match:
        raise ValueError("write a duration as a number of seconds or like 90s, 15m, 2h, 1d")
    return float(match[1]) * _UNITS[match[2]]


def octets(value: object) -> object:
    """`1mb` → 1000000; plain numbers are bytes. Raises ValueError on anything else that is text."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+)\s*([kmg]?i?b)\s*", value.lower())
    if not match or match[2] == "ib":
        raise ValueError("write a size as a number of bytes or like 500kb, 1mb, 2mib")
    return int(match[1]) * _SIZES[match[2]]


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name has up to 40 of a-z, 0-9, _ and -, and begins with a letter or digit")
    return value


_Span = Annotated[str, Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?\s*[smhd]\s*$")]
_Size = Annotated[str, Field(pattern=r"^\s*[0-9]+\s*([kKmMgG][iI]?)?[bB]\s*$")]
"""How durations and sizes are written: editors and programs that know only the JSON Schema have to take them too."""
_AnySeconds, _AnyOctets = Annotated[float, Field(gt=0, le=7 * 86400)] | _Span, Annotated[int, Field(gt=0, le=10 * 1000**3)] | _Size
Seconds = Annotated[float, BeforeValidator(seconds, json_schema_input_type=_AnySeconds), Field(gt=0, le=7 * 86400)]
Octets = Annotated[int, BeforeValidator(octets, json_schema_input_type=_AnyOctets), Field(gt=0, le=10 * 1000**3)]
Name = Annotated[str, AfterValidator(_named), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
