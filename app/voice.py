"""What is said on an issue or pull request outside a run's status comment: answers and reactions, each once by its key."""

import hashlib
from typing import Protocol

from jobs.markdown import code
from jobs.model import Repository


class Board(Protocol):
    """Where people talk."""

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """Add a reaction to a comment (`beside` a line or not), or to the item itself; the same one again changes nothing."""
        ...

    def find_comment(self, repository: Repository, number: int, marker: str, *, beside: bool = False) -> int | None:
        """The id of our own comment whose body has `marker`, among those beside lines or the others; None when there is none."""
        ...

    def comment(self, repository: Repository, number: int, body: str, *, thread: int | None = None) -> int:
        """Post a comment, in the thread that a comment beside a line began where that is given; returns its id."""
        ...


class Memory(Protocol):
    """What was done before, by key."""

    def done(self, key: str) -> bool:
        """Whether it was."""
        ...

    def close(self, key: str, scope: str, number: int) -> bool:
        """Remember that it was; False when somebody else had done it before."""
        ...


class Strays(Protocol):
    """Finds and takes back what is too many."""

    def comments(self, repository: Repository, number: int, marker: str) -> int | None:
        """The id of the one comment of ours with the marker that is left; None where there is none."""
        ...


class NoStrays:
    """Where nothing stands twice, because nothing stands."""

    def comments(self, repository: Repository, number: int, marker: str) -> int | None:
        """None."""
        return None


class Voice:
    """Says each thing once.

    Our memory saves looking; the mark in the comment is what counts when a crash came between posting and remembering. Whoever slept
    between looking and posting finds, once it has posted, that somebody else remembers it by now: then all but the first is taken back.
    """

    def __init__(self, board: Board, memory: Memory, strays: Strays | None = None) -> None:
        self._board, self._memory, self._strays = board, memory, strays or NoStrays()

    def say(self, repository: Repository, number: int, text: str, key: str, *, thread: int | None = None) -> None:
        """Post `text`, unless it was posted under this key before."""
        if self._memory.done(key):
            return
        marker = f"<!-- slipway:said={hashlib.sha256(key.encode()).hexdigest()[:32]} -->"
        posts = self._board.find_comment(repository, number, marker, beside=thread is not None) is None
        if posts:
            self._board.comment(repository, number, f"{text}\n\n{marker}", thread=thread)
        if not self._memory.close(key, repository.scope, number) and posts and thread is None:
            self._strays.comments(repository, number, marker)

    def answered(self, repository: Repository, number: int, delivery: str) -> bool:
        """Whether the status of a run stands on the item that comes from this webhook, whatever the store knows of it."""
        return self._board.find_comment(repository, number, code(delivery)) is not None

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """Add a reaction; GitHub itself keeps it single."""
        self._board.react(repository, number, comment, content, beside=beside)
