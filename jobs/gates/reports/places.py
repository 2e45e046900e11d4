"""Where a finding points: always a path of the repository, or nowhere."""

import posixpath
import re
from urllib.parse import unquote, urlsplit

from jobs.text import visible

MOST_CHARACTERS = 2000
_PLACE = re.compile(r"(?:^|[\s\"'(\[=])((?:[A-Za-z]:)?[\w./\\@+~-]*[\w-]\.\w{1,10})[:(](\d{1,7})\b", re.MULTILINE)


def placed(path: str | None, root: str) -> str | None:
    """`path` as one of the repository whose checkout was at `root`; None for any other."""
    if not path or visible(path) != path or "\n" in path:
        return None
    path = path.replace("\\", "/")
    if posixpath.isabs(path):
        if not path.startswith(f"{root}/"):
            return None
        path = path.removeprefix(f"{root}/")
    normal = posixpath.normpath(path)
    inside = normal != "." and not posixpath.isabs(normal) and normal.split("/")[0] not in ("..", ".git")
    return normal if inside else None


def from_uri(uri: str | None, root: str) -> str | None:
    """As `placed`, for a relative or `file:` URI."""
    if not uri:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        return None
    return placed(unquote(parts.path), root)


def mentioned(text: str, root: str) -> tuple[str | None, int | None]:
    """The last `file:line` of the repository that `text` mentions, which in a traceback is the innermost."""
    for match in reversed(list(_PLACE.finditer(text))):
        path = placed(match[1], root)
        if path and "site-packages/" not in path:
            return path, int(match[2])
    return None, None


def said(text: str) -> str:
    """A message somebody else's program wrote, cleaned and cut."""
    clean = visible(text).strip()
    return clean if len(clean) <= MOST_CHARACTERS else clean[: MOST_CHARACTERS - 1] + "…"
