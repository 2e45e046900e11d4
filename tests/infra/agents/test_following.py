"""What an agent does is told while it works: in the same words for every agent, masked, and never more than can be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from infra.agents.following import EVERY_S, MOST_LINES, MOST_TEXT, NEWEST, Audience, Following
from infra.agents.notes import Note, joined
from infra.agents.table import AGENTS
from infra.outputs import Outputs
from infra.redact import Redactor
from jobs.errors import Fault
from jobs.evidence import Activity
from jobs.model import Run
from tests.fakes.engine import FakeClock
from tests.infra.agents.streams import SAMPLES, Sample
from tests.infra.agents.world import SECRET, MemoryArtifacts, World, a_run

TOLD = {
    "claude": [
        ("message", "Now"), ("tool", "Read src/a.py"), ("message", "Now"), ("file", "Edit src/a.py"),
    ],
    "codex": [
        ("error", "Unknown model: too many requests are likely"), ("tool", "command ls"), ("file", "update a.py"), ("file", "add b.py"),
        ("message", "Greets now."),
    ],
    "opencode": [("file", "edit a.py"), ("message", "Greets now.")],
    "gemini": [("message", "Let me look."), ("file", "replace a.py"), ("message", "Greets now.")],
}  # fmt: skip


@dataclass
class Printing:
    """A program of which a test says what it has printed."""

    data: bytes = b""

    def print(self, *lines: str) -> None:
        self.data += "".join(f"{line}\n" for line in lines).encode()

    def printed(self, since: int, most: int) -> tuple[int, bytes]:
        return len(self.data), self.data[max(since, len(self.data) - most) :]


@dataclass
class Ears:
    """`Listeners` that remember each telling."""

    told: list[list[Activity]] = field(default_factory=list)
    deaf: bool = False

    def tell(self, run: Run, lines: Sequence[Activity]) -> None:
        if self.deaf:
            raise Fault("store_doubt", "The store does not answer.")
        self.told.append(list(lines))

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(line.kind, line.text) for telling in self.told for line in telling]


@dataclass
class Desk:
    """A launch that is followed."""

    agent: str = "command"
    program: Printing = field(default_factory=Printing)
    ears: Ears = field(default_factory=Ears)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        audience = Audience(self.ears, Outputs(MemoryArtifacts(), Redactor([SECRET])), self.clock)
        self.following = Following(a_run(), AGENTS[self.agent], self.program, audience)  # type: ignore[arg-type]  # only what is printed


@pytest.mark.parametrize("agent", sorted(TOLD))
def test_every_agent_is_told_of_in_the_same_words(agent: str) -> None:
    desk = Desk(agent)
    sample = next(sample for sample in SAMPLES if (sample.agent, sample.name) == (agent, "done"))
    desk.program.print(*sample.lines)
    desk.following.end()
    assert desk.ears.lines == TOLD[agent]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.agent}-{sample.name}")
def test_half_a_line_waits_for_the_other_half(sample: Sample) -> None:
    whole, halved = Desk(sample.agent), Desk(sample.agent)
    whole.program.print(*sample.lines)
    whole.following.end()
    data = whole.program.data
    for size in range(0, len(data) + 1, 7):
        halved.program.data = data[:size]
        halved.clock.sleep(EVERY_S)
        halved.following.look()
    halved.program.data = data
    halved.following.end()
    if not any(note.piece for line in sample.lines for note in AGENTS[sample.agent].notes(line)):
        assert halved.ears.lines == whole.ears.lines
    assert "".join(text.replace(" ", "") for _, text in halved.ears.lines) == "".join(text.replace(" ", "") for _, text in whole.ears.lines)


def test_it_is_told_now_and_then_and_not_for_every_line() -> None:
    """Proves: 002-10, 004-26."""
    desk = Desk()
    for number in range(128):
        desk.program.print(f"line {number}")
        desk.following.look()
        desk.clock.sleep(EVERY_S / 64)
    desk.following.end()
    assert len(desk.ears.told) == 3
    assert desk.ears.told[1][0] == Activity("more", "44 more")
    assert len(desk.ears.told[1]) == MOST_LINES + 1
    assert desk.ears.lines[-1] == ("message", "line 127")


def test_of_a_flood_only_the_newest_is_looked_at() -> None:
    """Proves: F53, I20."""
    desk = Desk()
    desk.program.print("first", "x" * (3 * NEWEST), "last")
    desk.following.end()
    assert desk.ears.lines == [("message", "last")]


def test_a_line_without_end_is_let_go() -> None:
    """Proves: F53, I20."""
    desk = Desk()
    for _ in range(5):
        desk.program.data += b"y" * (NEWEST // 2)
        desk.following.end()
    desk.program.print("", "after it")
    desk.following.end()
    assert ("message", "after it") in desk.ears.lines
    assert all(len(text) <= MOST_TEXT for _, text in desk.ears.lines)


def test_secrets_and_what_nobody_sees_are_not_told() -> None:
    """Proves: I11, T15."""
    desk = Desk()
    desk.program.print(f"{'x' * (MOST_TEXT - 5)}{SECRET}", "\x1b[31mred\x1b[0m \u202eevil", "\x00\x07", "  ")
    desk.following.end()
    assert SECRET[:5] not in repr(desk.ears.lines)
    assert desk.ears.lines[1:] == [("message", "red evil")]


def test_a_store_that_does_not_answer_is_no_harm_to_the_launch() -> None:
    desk = Desk(ears=Ears(deaf=True))
    desk.program.print("hello")
    desk.following.end()
    assert desk.ears.told == []


def test_an_agent_in_the_sandbox_is_followed_while_it_works(world: World) -> None:
    """Proves: 004-26."""
    ears = Ears()
    followed = World(world.root / "followed", world.around.sandbox, listeners=ears)
    result = followed.script("say I begin", "sleep 3", "say I end")
    assert result.failure is None
    assert len(ears.told) >= 2
    assert any("I begin" in text for _, text in ears.lines[: len(ears.told[0])])
    assert any("I end" in text for _, text in ears.lines)


def test_pieces_of_a_message_are_joined_and_nothing_else() -> None:
    def pieces() -> Iterator[Note]:
        yield Note("message", "a", piece=True)
        yield Note("message", "b", piece=True)
        yield Note("tool", "x", "Read")
        yield Note("message", "c", piece=True)

    assert [(note.kind, note.text) for note in joined(pieces())] == [("message", "ab"), ("tool", "x"), ("message", "c")]
