"""What programs print, kept as evidence."""

from infra.outputs import MOST_LINE, Outputs, lines_of
from infra.redact import Redactor
from infra.spool import Raw, Spool, captured
from jobs.evidence import Output
from tests.infra.agents.world import MemoryArtifacts

SECRET = "s3cr3t-V4lue-of-the-worker"


def raw(data: bytes, most: int = 10**8) -> Raw:
    spool = Spool(most)
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
