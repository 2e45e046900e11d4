"""What one work-horse leaves, the next one finds; and nobody else."""

import os
import signal
import subprocess
from collections.abc import Callable

from infra.shared_memory import SharedTable


def forked(act: Callable[[], object]) -> int:
    """Do it in a forked process; how that ended."""
    child = os.fork()
    if not child:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def test_what_a_fork_puts_in_its_siblings_find() -> None:
    table = SharedTable()
    for number in range(3):
        assert forked(lambda number=number: table.put(f"key{number}", {"text": number})) == 0  # type: ignore[misc]
    assert [table.get(f"key{number}") for number in range(4)] == [{"text": 0}, {"text": 1}, {"text": 2}, None]
    forked(lambda: table.drop("key1"))
    assert table.get("key1") is None


def test_many_at_once_lose_nothing() -> None:
    table = SharedTable()
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            for turn in range(20):
                table.put(f"{number}-{turn}", turn)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert all(table.get(f"{number}-{turn}") == turn for number in range(8) for turn in range(20))


def test_whoever_is_killed_while_it_holds_the_table_leaves_it_free_and_empty() -> None:
    """Proves: F25."""
    table = SharedTable()
    table.put("key", "value")

    def die_in_the_middle() -> None:
        with table._held():
            table._memory[40:44] = b"\xff\xff\xff\xff"
            os.kill(os.getpid(), signal.SIGKILL)

    assert os.WIFSIGNALED(forked(die_in_the_middle))
    assert table.get("key") is None
    table.put("key", "again")
    assert table.get("key") == "again"


def test_too_much_is_nothing_and_what_is_forgotten_is_gone() -> None:
    """Proves: I11, I20."""
    table = SharedTable(size=4096)
    table.put("secret", "hunter2")
    table.drop("secret")
    assert b"hunter2" not in table._memory[:]
    table.put("large", "x" * 5000)
    assert table.get("large") is None


def test_a_program_that_is_started_inherits_none_of_it() -> None:
    """Proves: I11."""
    table = SharedTable()
    table.put("secret", "hunter2")
    seen = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True, close_fds=False).stdout
    assert "slipway-lock" not in seen
    assert "deleted" not in seen
