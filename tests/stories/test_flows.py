"""A flow of three steps, walked end to end: the plan is in the brief, a verdict sends the work back with its comments, and not for ever."""

from pathlib import Path

import pytest

from jobs.model import RunState
from tests.stories.world import BONJOUR, CONFIG, FILES, World, task

STEPS = "{name: plan, role: planner}, {name: code, depends_on: [plan]}, {name: review, role: reviewer, depends_on: [code], on_reject: code}"
FLOW = f"flows: {{implement: {{steps: [{STEPS}]}}}}\n"
PLAN = "planner:\nbody Change the word, and say how loud."
CODE = f"implementer try 1:\n{BONJOUR}\nwrite loudness.txt\n  quiet\nimplementer try 2:\n{BONJOUR}\nwrite loudness.txt\n  loud"
VERDICT = "reviewer:\ndemand loudness.txt loud\n  Say it louder."


def test_a_plan_is_followed_a_verdict_is_answered_and_the_change_leaves(tmp_path: Path) -> None:
    """Proves: 000-05, 000-19, 000-33, 002-19, 002-24."""
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{CONFIG}{FLOW}"}) as world:
        world.ask(task("\n".join((PLAN, CODE, VERDICT))))
        world.work_until_idle()
        assert world.run.state is RunState.SUCCEEDED
        turns = sorted(world.turns(world.run), key=lambda turn: turn["launched_at"])
        assert [(turn["role"], turn["decision"]) for turn in turns] == [
            ("planner", "planned"),
            ("implementer", "passed"),
            ("reviewer", "rejected"),
            ("implementer", "passed"),
            ("reviewer", "approved"),
        ]
        plan, first, _, second, _ = turns
        assert (plan["snapshot"], plan["result"]["body"]) == (None, "Change the word, and say how loud.")
        assert {first["brief"]["plan"], second["brief"]["plan"]} == {"Change the word, and say how loud."}
        assert [finding["message"] for finding in second["brief"]["findings"]] == ["Say it louder.\n"]
        kept = {name.partition(".")[0] for name in world.page(world.run)["artifacts"] if name.endswith(".transcript.jsonl")}
        assert len(kept) == len(turns), "each launch has a transcript of its own"


@pytest.mark.parametrize(
    ("verdict", "code", "said"),
    [
        ("reviewer:\ndecide reject\n  Never.", "review_rejected", "The reviewer rejected the change"),
        ("reviewer:\ndecide perhaps", "unknown_decision", "A reviewer has to decide `approve` or `reject`; it said 'perhaps'."),
    ],
)
def test_a_verdict_that_is_never_a_yes_is_the_end_and_says_so(tmp_path: Path, verdict: str, code: str, said: str) -> None:
    """Proves: 000-06, 000-19, 004-28."""
    script = (PLAN, f"implementer:\nrun date +%s%N > loudness.txt\n{BONJOUR}", verdict)
    with World(tmp_path, files={**FILES, ".github/slipway.yml": f"{CONFIG}{FLOW}limits: {{iterations: 2}}\n"}) as world:
        world.ask(task("\n".join(script)))
        world.work_until_idle()
        run = world.run
        assert (run.state, run.reason.code) == (RunState.FAILED, code)
        assert run.reason.text.startswith(said)
        assert len(world.turns(run)) <= 1 + 2 * 3
        assert world.github.pulls() == []
