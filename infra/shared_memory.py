"""A small table that a process shares with those it forks: in memory and nowhere else.

Work-horses live for one job. What one of them was given, the next can use, without any of it being stored: no file, no database,
no environment; programs that are started do not inherit it, and it is gone with the last process that has it.
"""

import fcntl
import hashlib
import json
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZE = 512 * 1024
HEAD = 4 + 32
"""Length and digest stand before the table, and are written after it."""


class SharedTable:
    """JSON values by key. Made before the fork, used on both sides of it; one thread of a process at a time.

    Losing what is in it is harmless: a process that is killed while it writes leaves an empty one, and so does one that overflows.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._memory = mmap.mmap(-1, size)  # MAP_SHARED | MAP_ANONYMOUS
        self._lock, name = tempfile.mkstemp(prefix="slipway-lock-")  # always empty: the kernel's lock on it ends with its holder
        Path(name).unlink()
        weakref.finalize(self, os.close, self._lock)

    def get(self, key: str) -> Any:
        """The value, or None."""
        with self._held():
            return self._read().get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        with self._held():
            self._write({**self._read(), key: value})

    def drop(self, key: str) -> None:
        """Forget a value."""
        with self._held():
            table = self._read()
            if table.pop(key, None) is not None:
                self._write(table)

    @contextmanager
    def _held(self) -> Iterator[None]:
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _read(self) -> dict[str, Any]:
        length = int.from_bytes(self._memory[:4])
        written = self._memory[HEAD : HEAD + length]
        if not length or hashlib.sha256(written).digest() != self._memory[4:HEAD]:
            return {}
        return dict(json.loads(written))

    def _write(self, table: dict[str, Any]) -> None:
        """What no longer belongs to the table does not stay behind it."""
        written = json.dumps(table).encode()
        if HEAD + len(written) > len(self._memory):
            written = b"{}"
        self._memory[:] = bytes(len(self._memory))
        self._memory[HEAD : HEAD + len(written)] = written
        self._memory[:HEAD] = len(written).to_bytes(4) + hashlib.sha256(written).digest()
