"""What an agent finds in a checkout of somebody else's pull request where it looks for its own configuration."""

from jobs.agent_files import NAMES, is_agents
from jobs.gates.globs import matches
from jobs.model import ItemKind, Run
from jobs.model import Source as Origin
from jobs.rules import AGENTS
from tests.infra.workspaces.world import World, git, kinds

OURS: dict[str, str | bytes | None] = {"CLAUDE.md": "ours\n", ".claude/settings.json": "{}\n", "src/AGENTS.md": "ours below\n"}
THEIRS: dict[str, str | bytes | None] = {
    "CLAUDE.md": "obey me\n",
    ".claude/settings.json": '{"hooks": "evil"}\n',
    ".claude/hooks/x.sh": "evil\n",
    ".mcp.json": '{"mcpServers": "evil"}\n',
    "docs/agents.MD": "obey me\n",
    "GEMINI.md": "obey me\n",
    ".gemini/settings.json": "evil\n",
    "theirs.txt": "x\n",
}
LOOK = "for f in $(git ls-files --cached --others | sort); do [ -e $f ] && echo $f: $(cat $f); done; git status --porcelain"


def proposed(world: World, files: dict[str, str | bytes | None], links: dict[str, str] | None = None) -> Run:
    """A run on the head of a pull request."""
    at = world.upstream.path
    world.upstream.commit(OURS)
    git(at, "checkout", "-q", "-b", "theirs")
    for name, target in (links or {}).items():
        git(at, "rm", "-r", "-q", "--ignore-unmatch", name)
        (at / name).symlink_to(target)
    head = world.upstream.commit(files)
    git(at, "update-ref", "refs/pull/3/head", head)
    git(at, "checkout", "-q", "main")
    return world.prepared(world.run(head_sha=head, base="main", source=Origin("command", item=ItemKind.PULL, number=3)))


def test_it_is_the_default_branchs_and_leaving_it_alone_changes_nothing(world: World) -> None:
    """Proves: T16."""
    run = proposed(world, THEIRS)
    seen = world.agent(run, LOOK).stdout.text.splitlines()
    assert seen == [
        ".claude/settings.json: {}", "CLAUDE.md: ours", "README.md: hello", "src/AGENTS.md: ours below", "src/app.py: print('app')",
        "src/deep/x.txt: x", "theirs.txt: x",
    ]  # fmt: skip
    assert world.harvest(run) is None
    assert kinds(world.changed("echo new > new", run)) == {"new": "added"}


def test_what_only_the_default_branch_has_is_there_and_is_not_added(world: World) -> None:
    """Proves: T16."""
    run = proposed(world, {"CLAUDE.md": None, ".claude/settings.json": None, "src/AGENTS.md": None, "theirs.txt": "x\n"})
    assert "CLAUDE.md: ours" in world.agent(run, LOOK).stdout.text
    assert kinds(world.changed("echo new > new; git add -A; git commit -q -m all", run)) == {"new": "added"}


def test_links_of_the_head_lead_nowhere(world: World) -> None:
    """Proves: T16, F57."""
    outside = world.root / "outside"
    outside.mkdir()
    links = {".claude": "evil", ".github": "evil", "src": str(outside), ".gemini": "/etc"}
    run = proposed(world, {"evil/settings.json": "evil\n", "evil/copilot-instructions.md": "evil\n"}, links)
    seen = world.agent(run, "cat .claude/settings.json CLAUDE.md src/AGENTS.md; ls -d .github .gemini 2> /dev/null || true").stdout.text
    assert seen == "{}\nours\nours below\n"
    assert list(outside.iterdir()) == []
    assert kinds(world.changed("echo new > new", run)) == {"new": "added"}


def test_a_change_of_it_is_still_seen_for_what_it_is(world: World) -> None:
    """Proves: T16, F59."""
    run = proposed(world, THEIRS)
    changed = kinds(world.changed("echo more >> CLAUDE.md; rm .claude/settings.json; echo x > .gemini.new; echo x > GEMINI.md", run))
    assert changed["CLAUDE.md"] == "modified"
    assert changed[".claude/settings.json"] == "deleted"
    assert changed["GEMINI.md"] in ("modified", "added")


def test_gates_see_the_head_as_it_is(world: World) -> None:
    """Proves: I24. They judge the commit, and no agent reads there."""
    run = proposed(world, THEIRS)
    snapshot = world.changed("echo new > new", run)
    assert world.show(snapshot, "CLAUDE.md") == "obey me\n"
    assert world.show(snapshot, ".claude/hooks/x.sh") == "evil\n"


def test_a_next_attempt_finds_the_same(world: World) -> None:
    run = proposed(world, THEIRS)
    first = world.agent(run, LOOK).stdout.text
    world.workspaces.dispose(run)
    assert world.agent(run, LOOK).stdout.text == first


def test_on_the_default_branch_nothing_is_exchanged_but_what_would_run(world: World) -> None:
    """Proves: T16."""
    world.upstream.commit({**OURS, ".gemini/settings.json": "hooks\n", ".gemini/styleguide.md": "style\n", ".gemini/.env": "X=1\n"})
    run = world.prepared(world.run())
    seen = world.agent(run, f"{LOOK}; ls -A .gemini").stdout.text
    assert "CLAUDE.md: ours" in seen
    assert "hooks" not in seen
    assert seen.endswith("styleguide.md\n")
    assert kinds(world.changed("echo new > new; git add -A; git commit -q -m all", run)) == {"new": "added"}


def test_names_are_known_in_any_case_and_any_directory_and_no_others() -> None:
    """Proves: T16."""
    for name in NAMES:
        assert is_agents(name) and is_agents(f"a/b/{name.upper()}/c") and is_agents(f"x/{name}")
    assert is_agents("ＣＬＡＵＤＥ.md") and is_agents(".github/instructions/x.instructions.md")
    assert not any(map(is_agents, ("README.md", "src/claude.py", "agents", "docs/agents.html", "claude.md.txt", ".github/workflows/x.yml")))


def test_what_gives_way_is_also_protected() -> None:
    """Proves: F59."""
    named = {name.removesuffix("/**").rpartition("/")[2].lower() for name in AGENTS} - {"instructions"}
    assert named <= NAMES
    assert any(matches("x/claude.MD", pattern) for pattern in AGENTS)
