"""What GitHub answered, as its readers use it: a part that is not there is a fault that names it, and no bug."""

from collections.abc import Mapping
from typing import Any, NoReturn

from jobs.errors import Fault


class Told(dict[str, Any]):
    """An object of an answer. Raises Fault(`github_unavailable`) for a key GitHub should have sent; `get` asks for one it may leave out."""

    def __init__(self, parts: Mapping[str, Any], of: str) -> None:
        super().__init__({key: told(part, of) for key, part in parts.items()})
        self._of = of

    def __missing__(self, key: str) -> NoReturn:
        text = (
            f"GitHub's answer to {self._of} has no {key!r}. It is tried again; if it lasts, this GitHub is older than Slipway understands."
        )
        raise Fault("github_unavailable", text)


def told(answer: Any, of: str) -> Any:
    """A JSON value with its objects as `Told`; `of` is the call, for the sentence."""
    if isinstance(answer, dict):
        return Told(answer, of)
    if isinstance(answer, list):
        return [told(one, of) for one in answer]
    return answer
