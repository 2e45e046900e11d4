"""The model providers a broker speaks to: where they are, what may be asked of them, and how the key is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `routes` are the methods and paths an agent may use; everything else is refused."""

    name: str
    routes: tuple[tuple[str, re.Pattern[str]], ...]
    header: str

    def allows(self, method: str, path: str) -> bool:
        """Whether an agent may ask this."""
        return any(method == known and pattern.fullmatch(path) for known, pattern in self.routes)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider with the operator's key. `bearer` keys go into the Authorization header, whatever the provider's own is."""

    provider: Provider
    url: str
    key: str = field(repr=False)
    bearer: bool = False

    def headers(self) -> Mapping[str, str]:
        """What shows the key."""
        if self.bearer or self.provider.header == "authorization":
            return {"authorization": f"Bearer {self.key}"}
        return {self.provider.header: self.key}


def _routes(*pairs: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((method, re.compile(path)) for method, path in pairs)


_ID = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Never `.` or `..`, which would lead to another path."""
_MODEL = rf"/v1beta/models/{_ID}"
PROVIDERS: Mapping[str, Provider] = {
    "anthropic": Provider(
        "anthropic", _routes(("POST", r"/v1/messages(?:/count_tokens)?"), ("GET", rf"/v1/models(?:/{_ID})?")), "x-api-key"
    ),
    "openai": Provider(
        "openai",
        _routes(("POST", r"/v1/(?:responses|chat/completions)"), ("GET", rf"/v1/models(?:/{_ID}(?::[A-Za-z0-9._:-]+)?)?")),
        "authorization",
    ),
    "google": Provider(
        "google",
        _routes(("POST", _MODEL + r":(?:generateContent|streamGenerateContent|countTokens)"), ("GET", _MODEL + "|/v1beta/models")),
        "x-goog-api-key",
    ),
}
