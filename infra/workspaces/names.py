"""Which paths and links may become part of a commit. Pure; paths are bytes, as the file system has them."""

import re
from collections.abc import Iterator

from jobs.errors import Refused

LONGEST = 1024
DEEPEST = 128
LOOKALIKE = re.compile(r"\.git(?:[ .]*(?::.*)?)?|git~[0-9]+", re.IGNORECASE)
INVISIBLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
PLAIN_ONLY = frozenset({".gitmodules", ".gitattributes", ".gitignore", ".mailmap", ".lfsconfig"})
"""Files git reads for itself: as links they would be read from elsewhere."""


def too_far(path: bytes) -> bool:
    """Whether a path is longer or deeper than any honest one."""
    return len(path) > LONGEST or path.count(b"/") >= DEEPEST


def checked(path: bytes) -> str:
    """`path` as text, if it is fit for a commit. Raises Refused(`invalid_name` | `nested_repository`)."""
    text = path.decode(errors="backslashreplace")
    unprintable = path.decode(errors="ignore").encode() != path or any(ord(char) < 32 or ord(char) == 127 for char in text)
    if unprintable or too_far(path):
        name = text if len(text) < 200 else f"{text[:200]}…"
        raise Refused(
            "invalid_name",
            f"The name {name!r} cannot be committed: use UTF-8 without control characters, {LONGEST} bytes and {DEEPEST} parts at most.",
        )
    for part in _parts(text):
        if part.lower() == ".git":
            raise Refused(
                "nested_repository", f"{text!r} is inside a git repository of its own: remove that `.git`, or ignore its directory."
            )
        if LOOKALIKE.fullmatch(INVISIBLE.sub("", part)):
            raise Refused("invalid_name", f"{text!r} has a part that some systems take for `.git`: choose another name.")
    return text


def checked_link(path: bytes, target: bytes) -> None:
    """Refuse a symbolic link that could lead out of the tree. Raises Refused(`link_escapes` | `invalid_name`).

    Going up is allowed at the beginning only: `a/../b` leads elsewhere when `a` is a link itself.
    """
    name = checked(path)
    if name.rsplit("/", 1)[-1].lower() in PLAIN_ONLY:
        raise Refused("invalid_name", f"{name!r} may not be a symbolic link.")
    ups, rest = 0, list(target.split(b"/"))
    while rest and rest[0] in (b"..", b"."):
        ups += rest.pop(0) == b".."
    inside = not target.startswith(b"/") and b".." not in rest and ups <= path.count(b"/")
    hidden = any(LOOKALIKE.fullmatch(INVISIBLE.sub("", part)) for part in _parts(target.decode(errors="replace")))
    if not inside or hidden:
        shown = target.decode(errors="backslashreplace")[:200]
        raise Refused("link_escapes", f"The link {name!r} points to {shown!r}, outside the checkout or into `.git`: remove or change it.")


def _parts(text: str) -> Iterator[str]:
    yield from re.split(r"[/\\]", text)
