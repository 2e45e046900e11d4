"""The launcher: bounded output, bounded time, no survivors."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.process import Bounds, Command, run, start
from jobs.evidence import Ended

ENV = {"PATH": os.defpath}


def python(code: str, **rest: object) -> Command:
    return Command((sys.executable, "-I", "-S", "-c", code), ENV, **rest)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_output_exit_code_and_environment_come_back() -> None:
    captured = run(Command(("sh", "-c", 'echo "$GREETING"; echo oops >&2; exit 3'), {"GREETING": "hello", **ENV}), Bounds(20))
    assert (captured.ended, captured.exit_code, captured.ok) == (Ended.EXIT, 3, False)
    assert (captured.stdout.head, captured.stderr.text) == ("hello\n", "oops\n")


def test_the_environment_is_only_what_was_given() -> None:
    captured = run(Command(("env",), {"ONLY": "this", "PATH": os.defpath}), Bounds(20))
    assert sorted(captured.stdout.text.split()) == ["ONLY=this", f"PATH={os.defpath}"]


def test_standard_input_is_written_and_closed() -> None:
    text = b"x" * 3_000_000
    assert run(Command(("wc", "-c"), ENV, stdin=text), Bounds(20)).stdout.text.strip() == "3000000"


def test_standard_input_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from a file")
    assert run(Command(("cat",), ENV, stdin_from=tmp_path / "in"), Bounds(20)).stdout.text == "from a file"


def test_a_program_that_does_not_read_its_input_is_not_waited_for() -> None:
    assert run(Command(("true",), ENV, stdin=b"x" * 3_000_000), Bounds(20)).ok


def test_a_program_that_waits_for_input_gets_its_end() -> None:
    """Proves: F50."""
    assert run(Command(("cat",), ENV), Bounds(20)).ok


def test_silence_ends_a_program_before_its_time() -> None:
    """Proves: F50."""
    captured = run(python("import time; print('here', flush=True); time.sleep(60)"), Bounds(60, idle_s=0.3))
    assert (captured.ended, captured.exit_code, captured.stdout.text) == (Ended.IDLE, None, "here\n")


def test_time_ends_a_program_that_ignores_signals_and_its_children_with_it() -> None:
    """Proves: F51."""
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "print(os.getpid(), flush=True)\n"
        "while True: print('.', flush=True); time.sleep(0.05)\n"
    )
    captured = run(python(code), Bounds(0.5, idle_s=30))
    assert captured.ended is Ended.TIMEOUT
    pids = [int(word) for word in captured.stdout.text.split() if word.isdigit()]
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_what_a_program_leaves_in_its_group_goes_with_it() -> None:
    captured = run(Command(("sh", "-c", "sleep 300 & echo $!"), ENV), Bounds(20))
    assert captured.ok
    left, until = int(captured.stdout.text), time.monotonic() + 5
    while alive(left) and time.monotonic() < until:  # the signal is sent before `run` returns; dying takes the kernel a moment
        time.sleep(0.01)
    assert not alive(left)


def test_a_daemon_that_keeps_the_pipe_does_not_keep_us() -> None:
    code = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  time.sleep(8)\n"
    assert run(python(code), Bounds(60)).ended is Ended.EXIT


def test_too_much_output_ends_a_program_and_keeps_its_head() -> None:
    """Proves: F53."""
    captured = run(Command(("yes",), ENV), Bounds(60, output_bytes=300_000, keep_head=10, keep_tail=10))
    assert (captured.ended, captured.stdout.truncated) == (Ended.OUTPUT, True)
    assert captured.stdout.head == "y\n" * 5
    assert len(captured.stdout.data) == 300_000


def test_too_much_output_of_evidence_keeps_its_ends() -> None:
    """Proves: F53, G27."""
    captured = run(
        python("for n in range(100_000): print(n)"), Bounds(60, output_bytes=900_000, whole_bytes=40_000, keep_head=4, keep_tail=6)
    )
    assert (captured.ended, captured.stdout.size, captured.stdout.truncated) == (Ended.EXIT, 588_890, True)
    assert (captured.stdout.head, captured.stdout.tail) == ("0\n1\n", "99999\n")
    assert captured.stdout.data == b"".join(b"%d\n" % n for n in range(100_000))[:10_000] + captured.stdout.data[10_000:]
    assert captured.stdout.data.endswith(b"99997\n99998\n99999\n")


def test_lines_come_while_the_program_runs() -> None:
    code = "import sys\nprint('one', flush=True)\nsys.stdin.read()\nprint('two\\r\\nthr\\xe9e', end='')"
    with start(python(code, stdin=b"go"), Bounds(20)) as running:
        assert list(running.lines()) == ["one", "two", "thr\u00e9e"]
        assert running.wait().ok


def test_an_endless_line_is_cut_and_the_next_one_is_whole() -> None:
    """Proves: F53."""
    command = python("import sys\nsys.stdout.write('x' * 5_000_000 + '\\nnext\\n')")
    with start(command, Bounds(20, line_bytes=1000)) as running:
        assert [len(line) for line in running.lines()] == [1000, 4]


def test_a_slow_reader_does_not_hold_the_program_up(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"print('x' * 3_000_000)\nopen({str(done)!r}, 'w').close()"
    with start(python(code), Bounds(20)) as running:
        captured = running.wait()
        assert captured.ok
        assert done.exists()
        assert [len(line) for line in running.lines()] == [1 << 20]


def test_stop_from_another_thread_ends_program_and_reader() -> None:
    with start(Command(("sleep", "300"), ENV), Bounds(60)) as running:
        threading.Timer(0.1, running.stop).start()
        assert list(running.lines()) == []
        assert running.wait().ended is Ended.STOPPED


def test_leaving_the_block_leaves_nothing_running() -> None:
    with start(Command(("sleep", "300"), ENV), Bounds(60)) as running:
        pid = running.pid
    assert not alive(pid)
    running.stop()


def test_a_signal_from_elsewhere_is_told_apart() -> None:
    captured = run(Command(("sh", "-c", "kill -9 $$"), ENV), Bounds(20))
    assert (captured.ended, captured.exit_code) == (Ended.KILLED, None)


def test_a_program_that_is_not_there_raises() -> None:
    with pytest.raises(FileNotFoundError):
        run(Command(("/nonexistent/program",), ENV), Bounds(20))


def test_nothing_stays_open_behind_a_hundred_programs() -> None:
    """Proves: I20."""
    run(Command(("true",), ENV), Bounds(20))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        run(Command(("sh", "-c", "head -c 300000 /dev/zero"), ENV), Bounds(20))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_evidence_has_no_terminal_control_sequences() -> None:
    captured = run(Command(("printf", r"\033[31mred\033[0m \033]0;title\007\a\r\nplain\t\200"), ENV), Bounds(20))
    assert captured.stdout.output().text == "red \nplain\t\ufffd"
