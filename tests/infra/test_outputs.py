"""What programs print, kept as evidence."""

from hypothesis import given
from hypothesis import strategies as st

from infra.outputs import MOST_LINE, Outputs, lines_of
from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from jobs.evidence import Output
from tests.infra.agents.world import MemoryArtifacts

SECRET = "s3cr3t-V4lue-of-the-worker"


def raw(data: bytes, most: int = 10**8, *, ends: bool = False) -> Raw:
    spool = Spool(most, ends=ends)
    spool.append(data)
    return captured(spool, 8_000, 24_000)


def kept(*streams: Raw, name: str = "1-code-1.stdout") -> tuple[Output, MemoryArtifacts]:
    artifacts = MemoryArtifacts()
    return Outputs(artifacts, Redactor([SECRET])).keep("run", name, *streams), artifacts


def test_a_short_output_is_whole_in_the_row_and_in_its_artifact() -> None:
    output, artifacts = kept(raw(b"hello\n"))
    assert output == Output("hello\n", "", 6, artifact="1-code-1.stdout")
    assert artifacts.kept == {("run", "1-code-1.stdout"): b"hello\n"}


def test_a_long_output_keeps_head_and_tail_in_the_row_and_all_in_its_artifact() -> None:
    """Proves: 003-31, I20."""
    output, artifacts = kept(raw(b"a" * 100_000 + b"end"))
    assert (len(output.head), len(output.tail), output.size, output.truncated) == (8_000, 24_000, 100_003, False)
    assert output.tail.endswith("end")
    assert len(artifacts.get("run", "1-code-1.stdout")) == 100_003


def test_what_was_not_captured_is_said_to_be_cut() -> None:
    """Proves: 003-31, F53."""
    output, artifacts = kept(raw(b"x" * 5_000, most=1_000))
    assert (output.size, output.truncated) == (5_000, True)
    assert artifacts.cut == {"1-code-1.stdout"}


def test_of_a_very_long_output_the_ends_are_kept_in_whole_lines_with_a_mark_between() -> None:
    """Proves: 003-31, F53, G27."""
    lines = "".join(f"line {number:05}\n" for number in range(10_000)).encode()
    output, artifacts = kept(raw(lines, most=40_000, ends=True))
    assert (output.size, output.truncated, output.tail[-11:]) == (110_000, True, "line 09999\n")
    first, mark, last = artifacts.get("run", "1-code-1.stdout").partition(b"\n[70,004 bytes are not kept]\n")
    assert mark
    assert lines.startswith(first)
    assert first.endswith(b"\n")
    assert lines.endswith(b"\n" + last)
    assert len(first + mark + last) > 39_000
    assert artifacts.cut == {"1-code-1.stdout"}


def test_a_secret_that_the_cut_goes_through_is_not_kept_by_halves() -> None:
    """Proves: I11, T23."""
    line = b"the password is " + SECRET.encode() + b" today\n"
    for shift in range(len(line)):
        _, artifacts = kept(raw(b"x" * shift + b"\n" + line * 100, most=1_000, ends=True))
        data = artifacts.get("run", "1-code-1.stdout")
        assert set(data.split(b"\n")) <= {b"x" * shift, b"the password is [redacted] today", b"", *_marks(data)}


def _marks(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.endswith(b" bytes are not kept]")]


@given(st.lists(st.integers(0, 700), max_size=30), st.integers(1, 2_000), st.booleans())
def test_what_is_read_back_is_what_was_written_there(sizes: list[int], most: int, ends: bool) -> None:
    """Proves: 003-31."""
    spool, written = Spool(most, ends=ends), b""
    for number, size in enumerate(sizes):
        spool.append(bytes([number]) * size)
        written += bytes([number]) * size
        assert all(spool.read(part.start, len(part)) == written[part.start : part.stop] for part in spool.parts)
    assert spool.size == len(written)
    assert spool.kept == len(written) if len(written) <= most else 0 < spool.kept <= most
    assert len(written) <= most or spool.end == (len(written) if ends else most)


def test_what_is_larger_than_memory_goes_round_on_the_disk() -> None:
    spool, written = Spool(3_000_000, ends=True), b""
    for number in range(200):
        piece = bytes([number]) * 65_537
        spool.append(piece)
        written += piece
    assert [spool.read(part.start, len(part)) == written[part.start : part.stop] for part in spool.parts] == [True, True]
    assert spool.kept == 2_000_000


def test_two_streams_are_one_output() -> None:
    output, _ = kept(raw(b"out\n"), raw(b"err\n"))
    assert (output.head, output.size) == ("out\nerr\n", 8)


def test_silence_is_not_kept() -> None:
    output, artifacts = kept(raw(b""), raw(b""))
    assert output == Output()
    assert artifacts.kept == {}


def test_secrets_and_control_sequences_are_gone() -> None:
    """Proves: I11, T23."""
    output, artifacts = kept(raw(f"\x1b[31m{SECRET}\x1b[0m\n".encode()), name="a/../b c")
    assert output.head == "[redacted]\n"
    assert output.artifact == "a-..-b-c"
    assert SECRET.encode() not in artifacts.get("run", "a-..-b-c")


def test_lines_are_read_back_without_their_ends() -> None:
    assert list(lines_of(raw(b"a\n\xff\n" + b"x" * 3_000_000 + b"\nlast"))) == ["a", "\ufffd", "x" * MOST_LINE, "last"]
    assert list(lines_of(raw(b""))) == []
